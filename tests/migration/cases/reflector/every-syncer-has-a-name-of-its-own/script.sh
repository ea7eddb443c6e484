#!/bin/sh
# From Reflector to ConfigMap Syncer. Read it before you run it.
set -e

# Stop Reflector
# Its copies stay as they are, and nothing updates them until they are handed over. Where GitOps or a CronJob starts it, stop that first. Its Deployment was not found; this is its usual name, so correct it. What it has copied since this report was made, a new report has: make one now.
kubectl scale deployment/reflector -n kube-system --replicas=0
kubectl wait --for=delete pods -n kube-system -l app.kubernetes.io/name=reflector --timeout=120s

# Take the annotations off the sources
# Without them, Reflector takes nothing back when it is started again. Remove them also where the sources come from: their manifests, Helm values, or cert-manager's secretTemplate.
kubectl annotate configmap a-name-that-has-more-characters-than-the-value-of-a-label-can-have -n one reflector.v1.k8s.emberstack.com/reflection-auto-enabled- reflector.v1.k8s.emberstack.com/reflection-auto-namespaces- reflector.v1.k8s.emberstack.com/reflection-allowed-
kubectl annotate configmap one-taken -n one reflector.v1.k8s.emberstack.com/reflection-auto-enabled- reflector.v1.k8s.emberstack.com/reflection-auto-namespaces- reflector.v1.k8s.emberstack.com/reflection-allowed-
kubectl annotate configmap taken -n one reflector.v1.k8s.emberstack.com/reflection-auto-enabled- reflector.v1.k8s.emberstack.com/reflection-auto-namespaces- reflector.v1.k8s.emberstack.com/reflection-allowed-
kubectl annotate configmap taken -n two reflector.v1.k8s.emberstack.com/reflection-auto-enabled- reflector.v1.k8s.emberstack.com/reflection-auto-namespaces- reflector.v1.k8s.emberstack.com/reflection-allowed-

# Create the syncers
# They leave the copies alone and report them as conflicts until the next step.
kubectl apply -f - <<'END_OF_MANIFESTS'
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: a-name-that-has-more-characters-than-the-value-of-a-la-74c3beb3
spec:
  sourceNamespace: one
  sourceConfigMap: a-name-that-has-more-characters-than-the-value-of-a-label-can-have
  targetNamespaces:
  - dev
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: one-taken
spec:
  sourceNamespace: one
  sourceConfigMap: one-taken
  targetNamespaces:
  - dev
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: one-taken-configmap
spec:
  sourceNamespace: one
  sourceConfigMap: taken
  targetNamespaces:
  - dev
---
apiVersion: config.example.com/v1alpha1
kind: ConfigMapSyncer
metadata:
  name: two-taken
spec:
  sourceNamespace: two
  sourceConfigMap: taken
  targetNamespaces:
  - prod
END_OF_MANIFESTS

# Check that every copy is taken over
# Nothing has been deleted until here.
kubectl wait --for=condition=Ready configmapsyncer/a-name-that-has-more-characters-than-the-value-of-a-la-74c3beb3 configmapsyncer/one-taken configmapsyncer/one-taken-configmap configmapsyncer/two-taken --timeout=120s
kubectl get configmapsyncers a-name-that-has-more-characters-than-the-value-of-a-la-74c3beb3 one-taken one-taken-configmap two-taken

# Uninstall Reflector
# Nothing is left that it does. Uninstall it in the way in which it was installed.
# exit status 0
