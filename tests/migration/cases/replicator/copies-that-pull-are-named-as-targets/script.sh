#!/bin/sh
# From kubernetes-replicator to ConfigMap Syncer. Read it before you run it.
set -e
# Stays with kubernetes-replicator:
# - ConfigMap deep/settings: its source dev/settings is itself a copy, and that cannot be a source: let it pull shared/app-config, and run the command again
# - ConfigMap lost/settings: its source shared/gone does not exist, so nothing is copied
# - ConfigMap not-allowed/settings: nothing was copied into it: shared/app-config does not permit it
# - ConfigMap not-permitted/settings: it is not copied any more: shared/app-config does not permit it, and no Deployment of replicator with --allow-all was read
# - ConfigMap own/settings: holds keys that the source does not have, and would lose them: MINE
# Is different afterwards:
# - ConfigMap shared/app-config: is pulled by dev/settings, own/settings, prod/settings, with replicator.v1.mittwald.de/replicate-from: a syncer names its targets itself, so a further one is added to its targetNamespaces

# Stop kubernetes-replicator
# Its copies stay as they are, and nothing updates them until they are handed over. Where GitOps or a CronJob starts it, stop that first. Its Deployment was not found; this is its usual name, so correct it. What it has copied since this report was made, a new report has: make one now.
kubectl scale deployment/replicator-kubernetes-replicator -n kube-system --replicas=0
kubectl wait --for=delete pods -n kube-system -l app.kubernetes.io/name=kubernetes-replicator --timeout=120s

# Create the syncers
# They leave the copies alone and report them as conflicts until the next step.
kubectl apply -f - <<'END_OF_MANIFESTS'
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
# Each command removes the marks of kubernetes-replicator from one object, and names the syncer, in one write.
kubectl patch configmap settings -n dev --type=merge -p '{"metadata":{"annotations":{"replicator.v1.mittwald.de/replicate-from":null,"replicator.v1.mittwald.de/replicated-from-version":null,"replicator.v1.mittwald.de/replicated-keys":null},"labels":{"synced-by":"settings"}}}'
kubectl patch configmap settings -n prod --type=merge -p '{"metadata":{"annotations":{"replicator.v1.mittwald.de/replicate-from":null},"labels":{"synced-by":"settings"}}}'

# Check that every copy is taken over
# Nothing has been deleted until here.
kubectl wait --for=condition=Ready configmapsyncer/settings --timeout=120s
kubectl get configmapsyncers settings

# Start kubernetes-replicator again
# It goes on with what is not carried over, and knows nothing of what is.
kubectl scale deployment/replicator-kubernetes-replicator -n kube-system --replicas=1
# exit status 1
