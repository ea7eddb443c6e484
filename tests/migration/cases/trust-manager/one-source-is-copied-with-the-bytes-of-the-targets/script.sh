#!/bin/sh
# From trust-manager to ConfigMap Syncer. Read it before you run it.
set -e
# Is different afterwards:
# - ConfigMap cert-manager/roots: targetLabels leaves out synced-from, which mean something to a syncer
# - ConfigMap cert-manager/roots: trust-manager checks, sorts and joins certificates; a syncer copies the value as it is, so check a change before you make it
# - ConfigMap cert-manager/company-ca: is in the namespace of the source, where a syncer makes no copy; it stays as it is, and nothing updates it

# Stop trust-manager
# Its copies stay as they are, and nothing updates them until they are handed over. Where GitOps or a CronJob starts it, stop that first. What it has copied since this report was made, a new report has: make one now.
kubectl scale deployment/trust-manager -n trust-system --replicas=0
kubectl wait --for=delete pods -n trust-system -l app=trust-manager --timeout=120s

# Write the sources as the copies are
# trust-manager sorts certificates and removes what stands between them. With the same in the source, no copy changes.
kubectl patch configmap roots -n cert-manager --type=merge -p '{"data":{"root.pem":"-----BEGIN CERTIFICATE-----\nMIIBdDCCARmgAwIBAgIUM0ZH0P6CtWkVhgd5I16hoZf5LAswCgYIKoZIzj0EAwIw\nDjEMMAoGA1UEAwwDb25lMCAXDTI2MTEzMDE0NDg1N1oYDzIxMjYxMTA2MTQ0ODU3\nWjAOMQwwCgYDVQQDDANvbmUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQtx5h5\nWi0blRa74UEh6tuKYeu4oJoV2ZRYLuzO4cDTvGLzkIRpKpD00KN+i/LxKoitp5JP\nWLwBzCOb6+OATTKho1MwUTAdBgNVHQ4EFgQU8Bx0NyffHVZt/P+UknYBRdcBlbow\nHwYDVR0jBBgwFoAU8Bx0NyffHVZt/P+UknYBRdcBlbowDwYDVR0TAQH/BAUwAwEB\n/zAKBggqhkjOPQQDAgNJADBGAiEAweHfY5aB2dfeDRM4Go7a/omgvYL+BT1uCZgJ\nJibkx/ECIQD/q5c2qSLwWudiU30xN1+5OdeL+zjVOKyE/alKWRo0xA==\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nMIIBczCCARmgAwIBAgIUZQ9/rqD1IkTjxZsSDzqIU5bcZJEwCgYIKoZIzj0EAwIw\nDjEMMAoGA1UEAwwDdHdvMCAXDTI2MTEzMDE0NDg1OFoYDzIxMjYxMTA2MTQ0ODU4\nWjAOMQwwCgYDVQQDDAN0d28wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR+eUhB\nVYVZxxBF5Ixyo/6on7Gc/X7jGh8w3sMFKcJdNkuc83FTdeT6YHoSIC8J7DNzp9aP\n/xHGzAgP1yVe1hAIo1MwUTAdBgNVHQ4EFgQUGGcLCaa4y4dRyZ1LaAJm44KmeJ0w\nHwYDVR0jBBgwFoAUGGcLCaa4y4dRyZ1LaAJm44KmeJ0wDwYDVR0TAQH/BAUwAwEB\n/zAKBggqhkjOPQQDAgNIADBFAiEAuZ8y0FhzqMrg0nS+MNasim4nmP73DJcGoSZw\nAujIpesCIBI+zBrILKvgsAuTtHh2XRKoyBau/Rz1cUV/GNV3Tnjy\n-----END CERTIFICATE-----"}}'

# Create the syncers
# They leave the copies alone and report them as conflicts until the next step.
kubectl apply -f - <<'END_OF_MANIFESTS'
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: company-ca
spec:
  sourceNamespace: cert-manager
  sourceConfigMap: roots
  targetName: company-ca
  targetNamespaces:
  - '*'
  - kube-system
  keys:
  - root.pem
  renameKeys:
    root.pem: ca.crt
  targetLabels:
    purpose: trust
  targetAnnotations:
    example.com/owner: security
END_OF_MANIFESTS

# Hand over the copies
# Each command removes the marks of trust-manager from one object, and the owner with which it would be deleted, and names the syncer, in one write.
kubectl patch configmap company-ca -n dev --type=merge -p '{"metadata":{"annotations":{"trust.cert-manager.io/hash":null},"labels":{"synced-by":"company-ca","trust.cert-manager.io/bundle":null},"ownerReferences":null}}'
kubectl patch configmap company-ca -n kube-system --type=merge -p '{"metadata":{"annotations":{"trust.cert-manager.io/hash":null},"labels":{"synced-by":"company-ca","trust.cert-manager.io/bundle":null},"ownerReferences":null}}'
kubectl patch configmap company-ca -n cert-manager --type=merge -p '{"metadata":{"annotations":{"trust.cert-manager.io/hash":null},"labels":{"trust.cert-manager.io/bundle":null},"ownerReferences":null}}'

# Check that every copy is taken over
# Nothing has been deleted until here.
kubectl wait --for=condition=Ready configmapsyncer/company-ca --timeout=120s
kubectl get configmapsyncers company-ca

# Delete the Bundles
# They own nothing any more, so the garbage collector deletes nothing with them. The first commands show what is still marked as a target, which should be nothing.
kubectl get configmaps -A -l trust.cert-manager.io/bundle=company-ca
kubectl delete bundles.trust.cert-manager.io company-ca

# Uninstall trust-manager
# Nothing is left that it does. Uninstall it in the way in which it was installed.
# exit status 0
