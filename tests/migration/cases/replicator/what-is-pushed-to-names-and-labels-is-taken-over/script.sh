#!/bin/sh
# From kubernetes-replicator to ConfigMap Syncer. Read it before you run it.
set -e
# Is different afterwards:
# - ConfigMap shared/app-config: targetLabels has its labels app as they are now: a syncer does not copy labels, so change them there
# - ConfigMap shared/app-config: targetLabels leaves out app.kubernetes.io/managed-by, helm.sh/chart: other tools would take the copies for their own objects

# Stop kubernetes-replicator
# Its copies stay as they are, and nothing updates them until they are handed over. Where GitOps or a CronJob starts it, stop that first. What it has copied since this report was made, a new report has: make one now.
kubectl scale deployment/replicator-kubernetes-replicator -n kube-system --replicas=0
kubectl wait --for=delete pods -n kube-system -l app.kubernetes.io/name=kubernetes-replicator --timeout=120s

# Take the annotations off the sources
# Without them, kubernetes-replicator takes nothing back when it is started again. Remove them also where the sources come from: their manifests, Helm values, or cert-manager's secretTemplate.
kubectl annotate configmap app-config -n shared replicator.v1.mittwald.de/replicate-to- replicator.v1.mittwald.de/replicate-to-matching-

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
  - dev
  - team-*
  namespaceSelector:
    matchLabels:
      tier: upper
  targetLabels:
    app: web
END_OF_MANIFESTS

# Hand over the copies
# Each command removes the marks of kubernetes-replicator from one object, and names the syncer, in one write.
kubectl patch configmap app-config -n dev --type=merge -p '{"metadata":{"annotations":{"replicator.v1.mittwald.de/replicated-from-version":null,"replicator.v1.mittwald.de/replicated-at":null,"replicator.v1.mittwald.de/replicated-keys":null},"labels":{"synced-by":"app-config"}}}'
kubectl patch configmap app-config -n prod --type=merge -p '{"metadata":{"annotations":{"replicator.v1.mittwald.de/replicated-from-version":null,"replicator.v1.mittwald.de/replicated-at":null,"replicator.v1.mittwald.de/replicated-keys":null},"labels":{"synced-by":"app-config"}}}'
kubectl patch configmap app-config -n team-a --type=merge -p '{"metadata":{"annotations":{"replicator.v1.mittwald.de/replicated-from-version":null,"replicator.v1.mittwald.de/replicated-at":null,"replicator.v1.mittwald.de/replicated-keys":null},"labels":{"synced-by":"app-config"}}}'

# Check that every copy is taken over
# Nothing has been deleted until here.
kubectl wait --for=condition=Ready configmapsyncer/app-config --timeout=120s
kubectl get configmapsyncers app-config

# Uninstall kubernetes-replicator
# Nothing is left that it does. Uninstall it in the way in which it was installed.
# exit status 0
