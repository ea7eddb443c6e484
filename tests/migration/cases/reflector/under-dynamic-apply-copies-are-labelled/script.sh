#!/bin/sh
# From Reflector to ConfigMap Syncer. Read it before you run it.
set -e

# Stop Reflector
# Its copies stay as they are, and nothing updates them until they are handed over. Where GitOps or a CronJob starts it, stop that first. What it has copied since this report was made, a new report has: make one now.
kubectl scale deployment/mirrors-reflector -n tools --replicas=0
kubectl wait --for=delete pods -n tools -l app.kubernetes.io/name=reflector,app.kubernetes.io/instance=mirrors --timeout=120s

# Take the annotations off the sources
# Without them, Reflector takes nothing back when it is started again. Remove them also where the sources come from: their manifests, Helm values, or cert-manager's secretTemplate.
kubectl annotate configmap app-config -n shared reflector.v1.k8s.emberstack.com/reflection-auto-enabled- reflector.v1.k8s.emberstack.com/reflection-allowed-

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
  - '*'
  - kube-system
END_OF_MANIFESTS

# Hand over the copies
# Each command removes the marks of Reflector from one object, and names the syncer, in one write.
kubectl patch configmap app-config -n dev --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null,"reflector.v1.k8s.emberstack.com/reflected-at":null},"labels":{"synced-by":"app-config"}}}'
kubectl patch configmap app-config -n kube-system --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null,"reflector.v1.k8s.emberstack.com/reflected-at":null},"labels":{"synced-by":"app-config"}}}'
kubectl patch configmap app-config -n prod --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null,"reflector.v1.k8s.emberstack.com/reflected-at":null},"labels":{"synced-by":"app-config"}}}'
kubectl patch configmap app-config -n team-a --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null,"reflector.v1.k8s.emberstack.com/reflected-at":null},"labels":{"synced-by":"app-config"}}}'
kubectl patch configmap app-config -n team-b --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null,"reflector.v1.k8s.emberstack.com/reflected-at":null},"labels":{"synced-by":"app-config"}}}'

# Let Metacontroller write the copies
# The component metacontroller/components/adoption does this, too; where it is installed, the labels are there already.
kubectl label configmap app-config -n dev --overwrite controller-uid="$(kubectl get configmapsyncer/app-config -o jsonpath='{.metadata.uid}')"
kubectl label configmap app-config -n kube-system --overwrite controller-uid="$(kubectl get configmapsyncer/app-config -o jsonpath='{.metadata.uid}')"
kubectl label configmap app-config -n prod --overwrite controller-uid="$(kubectl get configmapsyncer/app-config -o jsonpath='{.metadata.uid}')"
kubectl label configmap app-config -n team-a --overwrite controller-uid="$(kubectl get configmapsyncer/app-config -o jsonpath='{.metadata.uid}')"
kubectl label configmap app-config -n team-b --overwrite controller-uid="$(kubectl get configmapsyncer/app-config -o jsonpath='{.metadata.uid}')"

# Check that every copy is taken over
# Nothing has been deleted until here.
kubectl wait --for=condition=Ready configmapsyncer/app-config --timeout=120s
kubectl get configmapsyncers app-config

# Uninstall Reflector
# Nothing is left that it does. Uninstall it in the way in which it was installed.
# exit status 0
