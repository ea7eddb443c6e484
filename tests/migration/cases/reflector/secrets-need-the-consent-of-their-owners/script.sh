#!/bin/sh
# From Reflector to ConfigMap Syncer. Read it before you run it.
set -e
# Stays with Reflector:
# - Secret other-type/consented: has the type example.com/other and the source another, so it would be deleted first
# - Secret build/everywhere: its owner has not consented to copies in any namespace; this does, and then run the command again
# - Secret build/registry: its owner has not consented to copies in any namespace; this does, and then run the command again
# - Secret build/token: Secrets of the type kubernetes.io/service-account-token are never copied
# Is different afterwards:
# - Secret build/consented: is pulled by other-type/consented, with reflector.v1.k8s.emberstack.com/reflects: a syncer names its targets itself, so a further one is added to its targetNamespaces
# - Namespace prod: selected, but without a copy; the syncer makes none there either

# Stop Reflector
# Its copies stay as they are, and nothing updates them until they are handed over. Where GitOps or a CronJob starts it, stop that first. Its Deployment was not found; this is its usual name, so correct it. What it has copied since this report was made, a new report has: make one now.
kubectl scale deployment/reflector -n kube-system --replicas=0
kubectl wait --for=delete pods -n kube-system -l app.kubernetes.io/name=reflector --timeout=120s

# Take the annotations off the sources
# Without them, Reflector takes nothing back when it is started again. Remove them also where the sources come from: their manifests, Helm values, or cert-manager's secretTemplate.
kubectl annotate secret consented -n build reflector.v1.k8s.emberstack.com/reflection-auto-enabled- reflector.v1.k8s.emberstack.com/reflection-auto-namespaces-

# Create the syncers
# They leave the copies alone and report them as conflicts until the next step.
kubectl apply -f - <<'END_OF_MANIFESTS'
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: consented
spec:
  sourceNamespace: build
  sourceSecret: consented
  targetNamespaces:
  - dev
END_OF_MANIFESTS

# Hand over the copies
# Each command removes the marks of Reflector from one object, and names the syncer, in one write.
kubectl patch secret consented -n dev --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null},"labels":{"synced-by":"consented"}}}'

# Check that every copy is taken over
# Nothing has been deleted until here.
kubectl wait --for=condition=Ready configmapsyncer/consented --timeout=120s
kubectl get configmapsyncers consented

# Start Reflector again
# It goes on with what is not carried over, and knows nothing of what is.
kubectl scale deployment/reflector -n kube-system --replicas=1
# exit status 1
