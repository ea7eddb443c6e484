#!/bin/sh
# From kubernetes-replicator to ConfigMap Syncer. Read it before you run it.
set -e
# Stays with kubernetes-replicator:
# - ConfigMap one/app-config: pushes to dev/app-config, prod/app-config, and so does another source: let one of them push there
# - ConfigMap two/app-config: pushes to dev/app-config, prod/app-config, and so does another source: let one of them push there
# Is different afterwards:
# - ConfigMap two/plain: is pulled by other/app-config, with replicator.v1.mittwald.de/replicate-from: a syncer names its targets itself, so a further one is added to its targetNamespaces

# Stop kubernetes-replicator
# Its copies stay as they are, and nothing updates them until they are handed over. Where GitOps or a CronJob starts it, stop that first. Its Deployment was not found; this is its usual name, so correct it. What it has copied since this report was made, a new report has: make one now.
kubectl scale deployment/replicator-kubernetes-replicator -n kube-system --replicas=0
kubectl wait --for=delete pods -n kube-system -l app.kubernetes.io/name=kubernetes-replicator --timeout=120s

# Take the annotations off the sources
# Without them, kubernetes-replicator takes nothing back when it is started again. Remove them also where the sources come from: their manifests, Helm values, or cert-manager's secretTemplate.
kubectl annotate configmap plain -n two replicator.v1.mittwald.de/replication-allowed- replicator.v1.mittwald.de/replication-allowed-namespaces-

# Create the syncers
# They leave the copies alone and report them as conflicts until the next step.
kubectl apply -f - <<'END_OF_MANIFESTS'
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: app-config
spec:
  sourceNamespace: two
  sourceConfigMap: plain
  targetName: app-config
  targetNamespaces:
  - other
END_OF_MANIFESTS

# Hand over the copies
# Each command removes the marks of kubernetes-replicator from one object, and names the syncer, in one write.
kubectl patch configmap app-config -n other --type=merge -p '{"metadata":{"annotations":{"replicator.v1.mittwald.de/replicate-from":null,"replicator.v1.mittwald.de/replicated-from-version":null},"labels":{"synced-by":"app-config"}}}'

# Check that every copy is taken over
# Nothing has been deleted until here.
kubectl wait --for=condition=Ready configmapsyncer/app-config --timeout=120s
kubectl get configmapsyncers app-config

# Start kubernetes-replicator again
# It goes on with what is not carried over, and knows nothing of what is.
kubectl scale deployment/replicator-kubernetes-replicator -n kube-system --replicas=1
# exit status 1
