#!/bin/sh
# From Reflector to ConfigMap Syncer. Read it before you run it.
set -e
# Stays with Reflector:
# - Secret other-type/consented: has the type example.com/other and the source another, so it would be deleted first
# - Secret build/consented: Secrets are copied where metacontroller/components/secrets is installed; then say --secrets
# - Secret build/everywhere: Secrets are copied where metacontroller/components/secrets is installed; then say --secrets
# - Secret build/registry: Secrets are copied where metacontroller/components/secrets is installed; then say --secrets
# - Secret build/token: Secrets are copied where metacontroller/components/secrets is installed; then say --secrets
# exit status 1
