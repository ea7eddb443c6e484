#!/bin/sh
# From trust-manager to ConfigMap Syncer. Read it before you run it.
set -e
# Stays with trust-manager:
# - Bundle all-keys: puts all keys of its source into one, and a syncer copies a key as it is
# - Bundle by-label: selects its sources by labels, which can be several; a syncer copies one source
# - Bundle defaults: distributes the certificates that come with trust-manager, which are in no object
# - Bundle filtered: leaves out or adds certificates: its targets hold others than ConfigMap cert-manager/roots does in root.pem
# - Bundle formats: writes further formats (jks, pkcs12), and a syncer converts nothing
# - Bundle into-secrets: writes Secrets, and a syncer copies within one kind
# - Bundle no-source: has its source in another namespace: there is no ConfigMap cert-manager/absent; -n names the namespace of trust-manager's sources
# - Bundle no-target: has no target yet: its status says why
# - Bundle of-a-secret: makes a ConfigMap of a Secret, and a syncer copies within one kind
# - Bundle several: puts 2 sources into one object, and a syncer copies one source as it is
# - Bundle taken: holds its certificates itself, and the name for a ConfigMap with them is taken: cert-manager/taken-source
# - Bundle without-spec: puts 0 sources into one object, and a syncer copies one source as it is
# - Bundle without-target: writes Secrets, and a syncer copies within one kind
# exit status 1
