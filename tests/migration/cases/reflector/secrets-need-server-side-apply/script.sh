#!/bin/sh
# From Reflector to ConfigMap Syncer. Read it before you run it.
set -e
# Stays with Reflector:
# - Secret other-type/consented: has the type example.com/other and the source another, so it would be deleted first
# - Secret build/consented: Secrets are copied under server-side apply only
# - Secret build/everywhere: Secrets are copied under server-side apply only
# - Secret build/registry: Secrets are copied under server-side apply only
# - Secret build/token: Secrets are copied under server-side apply only
# exit status 1
