#!/bin/sh
# From Reflector to ConfigMap Syncer. Read it before you run it.
set -e
# Is different afterwards:
# - ConfigMap shared/app-config: "ns-[0-9]+" in reflector.v1.k8s.emberstack.com/reflection-auto-namespaces is a regular expression that no glob can stand for: the namespaces with a copy are named, and one that is created later gets none
# - Namespaces blue-prod, green-prod, absent: named, but not there: a syncer would report that as a failure, so it is left out; add it to targetNamespaces when you create it

# Stop Reflector
# Its copies stay as they are, and nothing updates them until they are handed over. Where GitOps or a CronJob starts it, stop that first. Its Deployment was not found; this is its usual name, so correct it. What it has copied since this report was made, a new report has: make one now.
kubectl scale deployment/reflector -n kube-system --replicas=0
kubectl wait --for=delete pods -n kube-system -l app.kubernetes.io/name=reflector --timeout=120s

# Take the annotations off the sources
# Without them, Reflector takes nothing back when it is started again. Remove them also where the sources come from: their manifests, Helm values, or cert-manager's secretTemplate.
kubectl annotate configmap app-config -n shared reflector.v1.k8s.emberstack.com/reflection-auto-enabled- reflector.v1.k8s.emberstack.com/reflection-auto-namespaces- reflector.v1.k8s.emberstack.com/reflection-allowed- reflector.v1.k8s.emberstack.com/reflection-allowed-namespaces-

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
  - stage-?
  - ns-7
END_OF_MANIFESTS

# Hand over the copies
# Each command removes the marks of Reflector from one object, and names the syncer, in one write.
kubectl patch configmap app-config -n dev --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null},"labels":{"synced-by":"app-config"}}}'
kubectl patch configmap app-config -n ns-7 --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null},"labels":{"synced-by":"app-config"}}}'

# Check that every copy is taken over
# Nothing has been deleted until here.
kubectl wait --for=condition=Ready configmapsyncer/app-config --timeout=120s
kubectl get configmapsyncers app-config

# Uninstall Reflector
# Nothing is left that it does. Uninstall it in the way in which it was installed.
# exit status 0
