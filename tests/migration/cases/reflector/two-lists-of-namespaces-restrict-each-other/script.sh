#!/bin/sh
# From Reflector to ConfigMap Syncer. Read it before you run it.
set -e
# Stays with Reflector:
# - ConfigMap shared/no-selector: "tier in lower" in reflector.v1.k8s.emberstack.com/reflection-auto-namespaces-selector is no selector that a syncer can have: the namespaces with a copy are named, and one that is created or relabelled later gets none
# Is different afterwards:
# - ConfigMap shared/both-named: the namespaces that are allowed and those for automatic mirrors restrict each other in a way that a spec cannot say: the namespaces with a copy are named, and a new one may get none
# - Namespace dev: selected, but without a copy; the syncer makes none there either
# - Namespace prod: selected, but without a copy; the syncer makes none there either
# - ConfigMap shared/label-and-names: the namespaces that are allowed and those for automatic mirrors restrict each other in a way that a spec cannot say: the namespaces with a copy are named, and a new one may get none

# Stop Reflector
# Its copies stay as they are, and nothing updates them until they are handed over. Where GitOps or a CronJob starts it, stop that first. Its Deployment was not found; this is its usual name, so correct it. What it has copied since this report was made, a new report has: make one now.
kubectl scale deployment/reflector -n kube-system --replicas=0
kubectl wait --for=delete pods -n kube-system -l app.kubernetes.io/name=reflector --timeout=120s

# Take the annotations off the sources
# Without them, Reflector takes nothing back when it is started again. Remove them also where the sources come from: their manifests, Helm values, or cert-manager's secretTemplate.
kubectl annotate configmap both-named -n shared reflector.v1.k8s.emberstack.com/reflection-auto-enabled- reflector.v1.k8s.emberstack.com/reflection-auto-namespaces- reflector.v1.k8s.emberstack.com/reflection-allowed- reflector.v1.k8s.emberstack.com/reflection-allowed-namespaces-
kubectl annotate configmap by-label -n shared reflector.v1.k8s.emberstack.com/reflection-auto-enabled- reflector.v1.k8s.emberstack.com/reflection-allowed- reflector.v1.k8s.emberstack.com/reflection-allowed-namespaces-selector-
kubectl annotate configmap label-and-names -n shared reflector.v1.k8s.emberstack.com/reflection-auto-enabled- reflector.v1.k8s.emberstack.com/reflection-auto-namespaces-selector- reflector.v1.k8s.emberstack.com/reflection-allowed- reflector.v1.k8s.emberstack.com/reflection-allowed-namespaces-

# Create the syncers
# They leave the copies alone and report them as conflicts until the next step.
kubectl apply -f - <<'END_OF_MANIFESTS'
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: both-named
spec:
  sourceNamespace: shared
  sourceConfigMap: both-named
  targetNamespaces:
  - team-a
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: by-label
spec:
  sourceNamespace: shared
  sourceConfigMap: by-label
  namespaceSelector:
    matchExpressions:
    - key: tier
      operator: In
      values:
      - lower
      - upper
    - key: legacy
      operator: DoesNotExist
  excludeNamespaces:
  - prod
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: label-and-names
spec:
  sourceNamespace: shared
  sourceConfigMap: label-and-names
  targetNamespaces:
  - dev
END_OF_MANIFESTS

# Hand over the copies
# Each command removes the marks of Reflector from one object, and names the syncer, in one write.
kubectl patch configmap both-named -n team-a --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null},"labels":{"synced-by":"both-named"}}}'
kubectl patch configmap by-label -n dev --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null},"labels":{"synced-by":"by-label"}}}'
kubectl patch configmap label-and-names -n dev --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null},"labels":{"synced-by":"label-and-names"}}}'

# Check that every copy is taken over
# Nothing has been deleted until here.
kubectl wait --for=condition=Ready configmapsyncer/both-named configmapsyncer/by-label configmapsyncer/label-and-names --timeout=120s
kubectl get configmapsyncers both-named by-label label-and-names

# Start Reflector again
# It goes on with what is not carried over, and knows nothing of what is.
kubectl scale deployment/reflector -n kube-system --replicas=1
# exit status 1
