#!/bin/sh
# From trust-manager to ConfigMap Syncer. Read it before you run it.
set -e
# Is different afterwards:
# - ConfigMap cert-manager/roots: trust-manager checks, sorts and joins certificates; a syncer copies the value as it is, so check a change before you make it
# - ConfigMap cert-manager/internal-source: trust-manager checks, sorts and joins certificates; a syncer copies the value as it is, so check a change before you make it

# Stop trust-manager
# Its copies stay as they are, and nothing updates them until they are handed over. Where GitOps or a CronJob starts it, stop that first. Its Deployment was not found; this is its usual name, so correct it. What it has copied since this report was made, a new report has: make one now.
kubectl scale deployment/trust-manager -n cert-manager --replicas=0
kubectl wait --for=delete pods -n cert-manager -l app=trust-manager --timeout=120s

# Create the syncers
# They leave the copies alone and report them as conflicts until the next step.
kubectl apply -f - <<'END_OF_MANIFESTS'
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: internal-source
  namespace: cert-manager
data:
  ca.crt: |-
    -----BEGIN CERTIFICATE-----
    MIIBdDCCARmgAwIBAgIUM0ZH0P6CtWkVhgd5I16hoZf5LAswCgYIKoZIzj0EAwIw
    DjEMMAoGA1UEAwwDb25lMCAXDTI2MTEzMDE0NDg1N1oYDzIxMjYxMTA2MTQ0ODU3
    WjAOMQwwCgYDVQQDDANvbmUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQtx5h5
    Wi0blRa74UEh6tuKYeu4oJoV2ZRYLuzO4cDTvGLzkIRpKpD00KN+i/LxKoitp5JP
    WLwBzCOb6+OATTKho1MwUTAdBgNVHQ4EFgQU8Bx0NyffHVZt/P+UknYBRdcBlbow
    HwYDVR0jBBgwFoAU8Bx0NyffHVZt/P+UknYBRdcBlbowDwYDVR0TAQH/BAUwAwEB
    /zAKBggqhkjOPQQDAgNJADBGAiEAweHfY5aB2dfeDRM4Go7a/omgvYL+BT1uCZgJ
    Jibkx/ECIQD/q5c2qSLwWudiU30xN1+5OdeL+zjVOKyE/alKWRo0xA==
    -----END CERTIFICATE-----
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: as-it-is
spec:
  sourceNamespace: cert-manager
  sourceConfigMap: roots
  targetName: as-it-is
  targetNamespaces:
  - '*'
  keys:
  - ca.crt
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: internal
spec:
  sourceNamespace: cert-manager
  sourceConfigMap: internal-source
  targetName: internal
  namespaceSelector:
    matchLabels:
      trust: internal
  keys:
  - ca.crt
END_OF_MANIFESTS

# Hand over the copies
# Each command removes the marks of trust-manager from one object, and the owner with which it would be deleted, and names the syncer, in one write.
kubectl patch configmap as-it-is -n dev --type=merge -p '{"metadata":{"labels":{"synced-by":"as-it-is","trust.cert-manager.io/bundle":null},"ownerReferences":[{"apiVersion":"v1","kind":"Namespace","name":"dev","uid":"n-1"}]}}'
kubectl patch configmap internal -n dev --type=merge -p '{"metadata":{"annotations":{"trust.cert-manager.io/hash":null},"labels":{"synced-by":"internal","trust.cert-manager.io/bundle":null},"ownerReferences":null}}'

# Check that every copy is taken over
# Nothing has been deleted until here.
kubectl wait --for=condition=Ready configmapsyncer/as-it-is configmapsyncer/internal --timeout=120s
kubectl get configmapsyncers as-it-is internal

# Delete the Bundles
# They own nothing any more, so the garbage collector deletes nothing with them. The first commands show what is still marked as a target, which should be nothing.
kubectl get configmaps -A -l trust.cert-manager.io/bundle=as-it-is
kubectl get configmaps -A -l trust.cert-manager.io/bundle=internal
kubectl delete bundles.trust.cert-manager.io as-it-is
kubectl delete bundles.trust.cert-manager.io internal

# Uninstall trust-manager
# Nothing is left that it does. Uninstall it in the way in which it was installed.
# exit status 0
