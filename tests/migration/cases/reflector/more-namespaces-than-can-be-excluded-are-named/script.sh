#!/bin/sh
# From Reflector to ConfigMap Syncer. Read it before you run it.
set -e
# Is different afterwards:
# - Namespaces empty-0, empty-1, empty-10, empty-100, empty-11, empty-12, empty-13, empty-14, empty-15, empty-16, empty-17, empty-18, empty-19, empty-2, empty-20, empty-21, empty-22, empty-23, empty-24, empty-25, empty-26, empty-27, empty-28, empty-29, empty-3, empty-30, empty-31, empty-32, empty-33, empty-34, empty-35, empty-36, empty-37, empty-38, empty-39, empty-4, empty-40, empty-41, empty-42, empty-43, empty-44, empty-45, empty-46, empty-47, empty-48, empty-49, empty-5, empty-50, empty-51, empty-52, empty-53, empty-54, empty-55, empty-56, empty-57, empty-58, empty-59, empty-6, empty-60, empty-61, empty-62, empty-63, empty-64, empty-65, empty-66, empty-67, empty-68, empty-69, empty-7, empty-70, empty-71, empty-72, empty-73, empty-74, empty-75, empty-76, empty-77, empty-78, empty-79, empty-8, empty-80, empty-81, empty-82, empty-83, empty-84, empty-85, empty-86, empty-87, empty-88, empty-89, empty-9, empty-90, empty-91, empty-92, empty-93, empty-94, empty-95, empty-96, empty-97, empty-98, empty-99: selected, but without a copy; the syncer makes none there either
# - ConfigMap shared/app-config: more than 100 namespaces would have to be excluded: those with a copy are named instead, and one that is created later gets none

# Stop Reflector
# Its copies stay as they are, and nothing updates them until they are handed over. Where GitOps or a CronJob starts it, stop that first. Its Deployment was not found; this is its usual name, so correct it. What it has copied since this report was made, a new report has: make one now.
kubectl scale deployment/reflector -n kube-system --replicas=0
kubectl wait --for=delete pods -n kube-system -l app.kubernetes.io/name=reflector --timeout=120s

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
  - dev
END_OF_MANIFESTS

# Hand over the copies
# Each command removes the marks of Reflector from one object, and names the syncer, in one write.
kubectl patch configmap app-config -n dev --type=merge -p '{"metadata":{"annotations":{"reflector.v1.k8s.emberstack.com/reflects":null,"reflector.v1.k8s.emberstack.com/auto-reflects":null,"reflector.v1.k8s.emberstack.com/reflected-version":null},"labels":{"synced-by":"app-config"}}}'

# Check that every copy is taken over
# Nothing has been deleted until here.
kubectl wait --for=condition=Ready configmapsyncer/app-config --timeout=120s
kubectl get configmapsyncers app-config

# Uninstall Reflector
# Nothing is left that it does. Uninstall it in the way in which it was installed.
# exit status 0
