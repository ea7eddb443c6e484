#!/bin/sh
# From Reflector to ConfigMap Syncer. Read it before you run it.
set -e
# Is different afterwards:
# - Namespace empty: selected, but without a copy; the syncer makes none there either
# - Namespace taken: another object has the name of the copy; the syncer makes none there either
# - ConfigMap consenting/app-config: is itself a source: it has the annotation config.example.com/allow-sync-to; it stays as it is, and nothing updates it
# - ConfigMap frozen/app-config: is immutable and differs from the source, so it would be deleted first; it stays as it is, and nothing updates it
# - ConfigMap going/app-config: is being deleted; it stays as it is, and nothing updates it
# - ConfigMap ours/app-config: is handed over to the syncer team already; it stays as it is, and nothing updates it
# - ConfigMap owned/app-config: is controlled by Deployment web, which a syncer respects; it stays as it is, and nothing updates it
# - ConfigMap widened/app-config: holds keys that the source does not have, and would lose them: MINE; it stays as it is, and nothing updates it
# - ConfigMap edited/app-config: differs from the source and becomes like it: LOG_LEVEL

# Stop Reflector
# Its copies stay as they are, and nothing updates them until they are handed over. Where GitOps or a CronJob starts it, stop that first. Its Deployment was not found; this is its usual name, so correct it. What it has copied since this report was made, a new report has: make one now.
kubectl scale deployment/reflector -n kube-system --replicas=0
kubectl wait --for=delete pods -n kube-system -l app.kubernetes.io/name=reflector --timeout=120s

# Take the annotations off the sources
# Without them, Reflector takes nothing back when it is started again. Remove them also where the sources come from: their manifests, Helm values, or cert-manager's secretTemplate.
kubectl annotate configmap app-config -n shared reflector.v1.k8s.emberstack.com/reflection-auto-enabled- reflector.v1.k8s.emberstack.com/reflection-allowed-

# Create the syncers
# They leave the copies alone and report them as conflicts until the next step.
kubectl apply -f - <<'END_OF_MANIFESTS'
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: app-config
spec:
  sourceNamespace: shared
  sourceConfigMap: app-config
  targetNamespaces:
  - '*'
  excludeNamespaces:
  - consenting
  - empty
  - frozen
  - going
  - ours
  - owned
  - taken
  - widened
END_OF_MANIFESTS

# Hand over the copies
# Each command removes the marks of Reflector from one object, and names the syncer, in one write.
kubectl patch configmap app-config -n dev --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null},"labels":{"synced-by":"app-config"}}}'
kubectl patch configmap app-config -n edited --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null},"labels":{"synced-by":"app-config"}}}'
kubectl patch configmap app-config -n consenting --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null}}}'
kubectl patch configmap app-config -n frozen --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null}}}'
kubectl patch configmap app-config -n going --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null}}}'
kubectl patch configmap app-config -n ours --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null}}}'
kubectl patch configmap app-config -n owned --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null}}}'
kubectl patch configmap app-config -n widened --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null}}}'

# Check that every copy is taken over
# Nothing has been deleted until here.
kubectl wait --for=condition=Ready configmapsyncer/app-config --timeout=120s
kubectl get configmapsyncers app-config

# Uninstall Reflector
# Nothing is left that it does. Uninstall it in the way in which it was installed.
# exit status 0
