#!/bin/sh
# From kubernetes-replicator to ConfigMap Syncer. Read it before you run it.
set -e
# Stays with kubernetes-replicator:
# - Role shared/reader: a syncer copies ConfigMaps and Secrets only
# - RoleBinding dev/reader: a syncer copies ConfigMaps and Secrets only
# - ConfigMap shared/copy-of-ours: is a copy of the ConfigMapSyncer other, and a copy cannot be a source
# - ConfigMap shared/kube-root-ca.crt: Kubernetes itself writes kube-root-ca.crt in every namespace
# - Secret shared/token: Secrets are copied where metacontroller/components/secrets is installed; then say --secrets
# Is different afterwards:
# - ConfigMap shared/owned: replicator.v1.mittwald.de/keep-owner-references: a copy has its syncer as its owner, and no other

# Stop kubernetes-replicator
# Its copies stay as they are, and nothing updates them until they are handed over. Where GitOps or a CronJob starts it, stop that first. Its Deployment was not found; this is its usual name, so correct it. What it has copied since this report was made, a new report has: make one now.
kubectl scale deployment/replicator-kubernetes-replicator -n kube-system --replicas=0
kubectl wait --for=delete pods -n kube-system -l app.kubernetes.io/name=kubernetes-replicator --timeout=120s

# Take the annotations off the sources
# Without them, kubernetes-replicator takes nothing back when it is started again. Remove them also where the sources come from: their manifests, Helm values, or cert-manager's secretTemplate.
kubectl annotate configmap owned -n shared replicator.v1.mittwald.de/replicate-to- replicator.v1.mittwald.de/keep-owner-references-

# Create the syncers
# They leave the copies alone and report them as conflicts until the next step.
kubectl apply -f - <<'END_OF_MANIFESTS'
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: owned
spec:
  sourceNamespace: shared
  sourceConfigMap: owned
  targetNamespaces:
  - dev
END_OF_MANIFESTS

# Hand over the copies
# Each command removes the marks of kubernetes-replicator from one object, and the owner with which it would be deleted, and names the syncer, in one write.
kubectl patch configmap owned -n dev --type=merge -p '{"metadata":{"annotations":{"replicator.v1.mittwald.de/replicated-from-version":null,"replicator.v1.mittwald.de/replicated-keys":null},"labels":{"synced-by":"owned"},"ownerReferences":[{"apiVersion":"example.com/v1","kind":"Project","name":"main","uid":"o-2"}]}}'

# Check that every copy is taken over
# Nothing has been deleted until here.
kubectl wait --for=condition=Ready configmapsyncer/owned --timeout=120s
kubectl get configmapsyncers owned

# Start kubernetes-replicator again
# It goes on with what is not carried over, and knows nothing of what is.
kubectl scale deployment/replicator-kubernetes-replicator -n kube-system --replicas=1
# exit status 1
