#!/bin/sh
# From Reflector to ConfigMap Syncer. Read it before you run it.
set -e
# Stays with Reflector:
# - ConfigMap never/settings: Reflector has not mirrored into it: shared/app-config does not permit it
# - ConfigMap vague/settings: reflector.v1.k8s.emberstack.com/reflects names no source: write NAMESPACE/NAME
# - ConfigMap prod/only-dev: it is not mirrored any more: ConfigMap default/only-dev does not permit it
# - ConfigMap dev/settings: is mirrored and is itself a mirror, and a copy cannot be a source: let its mirrors reflect shared/app-config, and run the command again
# - ConfigMap dev/no-more: it is not mirrored any more: ConfigMap shared/no-more does not permit it
# - ConfigMap lost/settings: its source shared/gone does not exist, so it is not mirrored
# - ConfigMap own/settings: holds keys that the source does not have, and would lose them: MINE
# - ConfigMap shared/settings: is in the namespace of the source, where a syncer makes no copy
# Is different afterwards:
# - ConfigMap default/only-dev: is pulled by dev/only-dev, with reflector.v1.k8s.emberstack.com/reflects: a syncer names its targets itself, so a further one is added to its targetNamespaces
# - ConfigMap shared/app-config: is pulled by dev/other, with reflector.v1.k8s.emberstack.com/reflects: a syncer names its targets itself, so a further one is added to its targetNamespaces
# - ConfigMap shared/app-config: is pulled by dev/settings, own/settings, prod/settings, shared/settings, with reflector.v1.k8s.emberstack.com/reflects: a syncer names its targets itself, so a further one is added to its targetNamespaces

# Stop Reflector
# Its copies stay as they are, and nothing updates them until they are handed over. Where GitOps or a CronJob starts it, stop that first. Its Deployment was not found; this is its usual name, so correct it. What it has copied since this report was made, a new report has: make one now.
kubectl scale deployment/reflector -n kube-system --replicas=0
kubectl wait --for=delete pods -n kube-system -l app.kubernetes.io/name=reflector --timeout=120s

# Take the annotations off the sources
# Without them, Reflector takes nothing back when it is started again. Remove them also where the sources come from: their manifests, Helm values, or cert-manager's secretTemplate.
kubectl annotate configmap only-dev -n default reflector.v1.k8s.emberstack.com/reflection-allowed- reflector.v1.k8s.emberstack.com/reflection-allowed-namespaces-

# Create the syncers
# They leave the copies alone and report them as conflicts until the next step.
kubectl apply -f - <<'END_OF_MANIFESTS'
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: only-dev
spec:
  sourceNamespace: default
  sourceConfigMap: only-dev
  targetNamespaces:
  - dev
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: other
spec:
  sourceNamespace: shared
  sourceConfigMap: app-config
  targetName: other
  targetNamespaces:
  - dev
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: settings
spec:
  sourceNamespace: shared
  sourceConfigMap: app-config
  targetName: settings
  targetNamespaces:
  - dev
  - prod
END_OF_MANIFESTS

# Hand over the copies
# Each command removes the marks of Reflector from one object, and names the syncer, in one write.
kubectl patch configmap only-dev -n dev --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null},"labels":{"synced-by":"only-dev"}}}'
kubectl patch configmap other -n dev --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null},"labels":{"synced-by":"other"}}}'
kubectl patch configmap settings -n dev --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null},"labels":{"synced-by":"settings"}}}'
kubectl patch configmap settings -n prod --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null},"labels":{"synced-by":"settings"}}}'

# Check that every copy is taken over
# Nothing has been deleted until here.
kubectl wait --for=condition=Ready configmapsyncer/only-dev configmapsyncer/other configmapsyncer/settings --timeout=120s
kubectl get configmapsyncers only-dev other settings

# Start Reflector again
# It goes on with what is not carried over, and knows nothing of what is.
kubectl scale deployment/reflector -n kube-system --replicas=1
# exit status 1
