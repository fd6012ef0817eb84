"""What scripts/check-k8s does. See there."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import jsonschema
import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ["base", "overlays/spot-gpu", "overlays/local-cpu"]
# The oldest that has podFailurePolicy for good, and the newest whose schemas there are.
VERSIONS = ["1.31", "1.37"]
CUSTOM = json.loads((ROOT / "scripts/check-k8s.schemas.json").read_text())
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "Job", "ScaledJob"}
# What the worker promises, docs/cluster.md.
GONE_WITHIN_SECONDS = 15

mistakes = []


def wrong(where, what):
    mistakes.append(f"{where}: {what}")


def render(folder):
    """The objects of a folder as `kubectl apply -k` would send them."""
    if shutil.which("kubectl"):
        command = ["kubectl", "kustomize", f"k8s/{folder}"]
    elif shutil.which("kustomize"):
        command = ["kustomize", "build", f"k8s/{folder}"]
    else:
        sys.exit("check-k8s: neither kubectl nor kustomize is installed")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        wrong(folder, done.stderr.strip().splitlines()[0])
        return []
    if done.stderr.strip():
        wrong(folder, f"kustomize warns: {done.stderr.strip()}")
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def schema(where, thing):
    """Against the published schema of its kind, or ours for custom resources."""
    if thing["kind"] not in CUSTOM:
        published(where, thing)
        return
    try:
        jsonschema.validate(thing["spec"], CUSTOM[thing["kind"]])
    except jsonschema.ValidationError as error:
        wrong(where, f"{error.json_path}: {error.message}")
    if thing["kind"] == "ScaledJob":
        # What KEDA makes of it.
        spec = thing["spec"]["jobTargetRef"]
        published(where, {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "x"}, "spec": spec})


def published(where, thing):
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(thing, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            wrong(where, f"Kubernetes {version}: {error.message}")
        except kubernetes_validate.SchemaNotFoundError:
            wrong(where, f"Kubernetes {version} has no {thing['apiVersion']} {thing['kind']}")


def pod_of(thing):
    spec = thing["spec"]
    return spec.get("jobTargetRef", spec)["template"]["spec"]


def safe(where, pod):
    """Nobody is root, nothing can be gained, and only databases write to their own files."""
    if pod.get("automountServiceAccountToken") is not False:
        wrong(where, "mounts a token of Kubernetes that nobody needs")
    if pod.get("securityContext", {}).get("runAsNonRoot") is not True:
        wrong(where, "may run as root")
    for container in pod["containers"] + pod.get("initContainers", []):
        name = f"{where}, container {container['name']}"
        context = container.get("securityContext", {})
        if context.get("allowPrivilegeEscalation") is not False or context.get("capabilities", {}).get("drop") != ["ALL"]:
            wrong(name, "can gain rights")
        if context.get("readOnlyRootFilesystem") is not True and container["name"] != "rabbitmq":
            wrong(name, "can write to its root file system")
        image = container["image"]
        if ":" not in image.rsplit("/", 1)[-1] and image != "bitsweep":
            wrong(name, f"the image {image} has no tag")
        for variable in container.get("env", []):
            if re.search("PASS|SECRET|KEY|TOKEN$", variable["name"]) and "value" in variable:
                wrong(name, f"{variable['name']} is written out: take it from a Secret")


def ours(where, pod, flags, variables):
    """Options and variables of our containers exist in this version."""
    for container in pod["containers"]:
        if container["name"] not in ("coordinator", "worker"):
            continue
        for argument in container.get("args", [])[1:]:
            if argument.split("=")[0] not in flags:
                wrong(where, f"{argument}: there is no such option")
        for variable in container.get("env", []):
            if variable["name"] not in variables:
                wrong(where, f"{variable['name']}: there is no such variable")


def worker(where, thing):
    """A worker that is taken away costs nothing; one that is configured wrongly stops."""
    job = thing["spec"]["jobTargetRef"]
    rules = job.get("podFailurePolicy", {}).get("rules", [])
    actions = [(rule["action"], [c["type"] for c in rule.get("onPodConditions", [])] or rule["onExitCodes"]["values"]) for rule in rules]
    wanted = [("Ignore", ["DisruptionTarget"]), ("Ignore", [75]), ("FailJob", [2])]
    if actions != wanted:
        wrong(where, f"podFailurePolicy is {actions}, and not {wanted}")
    pod = pod_of(thing)
    if pod.get("restartPolicy") != "Never":
        wrong(where, "podFailurePolicy wants restartPolicy: Never")
    if pod.get("terminationGracePeriodSeconds", 30) < GONE_WITHIN_SECONDS + 5:
        wrong(where, "the grace period is shorter than a worker needs to leave")
    if thing["spec"].get("rollout", {}).get("strategy") != "gradual":
        wrong(where, "a change of the file would delete running Jobs: rollout.strategy is not gradual")
    if not any(argument.startswith("--exit-when-idle") for argument in pod["containers"][0]["args"]):
        wrong(where, "it would never end: --exit-when-idle is missing")


def references(folder, things):
    """ConfigMaps that are named are there; Secrets that are named are told in the guide."""
    maps = {thing["metadata"]["name"] for thing in things if thing["kind"] == "ConfigMap"}
    guide = (ROOT / "docs/cluster.md").read_text()
    for thing in things:
        if thing["kind"] == "Secret":
            wrong(folder, "holds a Secret: its values would be in the repository")
        if thing["kind"] == "PodDisruptionBudget" and "worker" in json.dumps(thing):
            wrong(folder, "a PodDisruptionBudget on workers stops no spot machine, and blocks drains")
        text = json.dumps(thing)
        for name in re.findall(r'"configMapRef": \{"name": "([^"]+)"', text):
            if name not in maps:
                wrong(folder, f"the ConfigMap {name} is not there")
        secrets = re.findall(r'"secretName": "([^"]+)"|"secretKeyRef": \{[^}]*"name": "([^"]+)"', text)
        for name in {first or second for first, second in secrets}:
            if name not in guide:
                wrong(folder, f"docs/cluster.md does not say how to make the Secret {name}")


def network(folder, things):
    """Every pod of ours is in a policy."""
    policies = [thing for thing in things if thing["kind"] == "NetworkPolicy"]
    chosen = json.dumps([policy["spec"]["podSelector"] for policy in policies])
    for thing in things:
        if thing["kind"] in WORKLOADS:
            spec = thing["spec"].get("jobTargetRef", thing["spec"])
            labels = spec["template"].get("metadata", {}).get("labels", {})
            component = labels.get("app.kubernetes.io/component")
            if component and component not in chosen:
                wrong(folder, f"no NetworkPolicy for {thing['metadata']['name']}")


def known():
    """Options and variables, as the source says them."""
    source = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.rs"))
    variables = set(re.findall(r'"(BITSWEEP_[A-Z0-9_]+)"', source))
    flags = set()
    for attribute, field in re.findall(r"#\[arg\(((?:[^()]|\([^()]*\))*)\)\]\s*(?:pub\(crate\) )?(\w+):", source):
        if "long" in attribute:
            flags.add("--" + field.replace("_", "-"))
    return flags, variables


def compose(variables):
    """docker-compose.yaml: what can be told without an engine."""
    where = "docker-compose.yaml"
    text = (ROOT / where).read_text()
    file = yaml.safe_load(text)
    services, volumes = file["services"], file.get("volumes", {})
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            if other not in services:
                wrong(where, f"{name} depends on {other}, which is not there")
            elif how["condition"] == "service_healthy" and "healthcheck" not in services[other]:
                wrong(where, f"{name} waits for {other} to be healthy, which has no healthcheck")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if not source.startswith((".", "/")) and source not in volumes:
                wrong(where, f"{name}: the volume {source} is not declared")
        if "image" not in service and "build" not in service:
            wrong(where, f"{name} has neither image nor build")
    for variable in set(re.findall(r"^\s+(BITSWEEP_[A-Z0-9_]+):", text, re.M)) - variables:
        wrong(where, f"{variable}: there is no such variable")
    if shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        done = subprocess.run(["docker", "compose", "config", "--quiet"], cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            wrong(where, done.stderr.strip())
        return "docker compose config"
    return "structure alone: the compose plugin is not installed"


def main():
    flags, variables = known()
    count = 0
    for folder in FOLDERS:
        things = render(folder)
        for thing in things:
            count += 1
            where = f"{folder}: {thing['kind']} {thing['metadata']['name']}"
            schema(where, thing)
            if thing["kind"] in WORKLOADS:
                safe(where, pod_of(thing))
                ours(where, pod_of(thing), flags, variables)
            if thing["kind"] == "ScaledJob":
                worker(where, thing)
            if thing["kind"] == "ConfigMap":
                for name in set(thing.get("data", {})) - variables:
                    if name.startswith("BITSWEEP_"):
                        wrong(where, f"{name}: there is no such variable")
        references(folder, things)
        network(folder, things)
    how = compose(variables)
    for mistake in mistakes:
        print(mistake)
    if mistakes:
        sys.exit(f"check-k8s: {len(mistakes)} mistakes")
    print(f"{count} objects of {len(FOLDERS)} kustomizations are valid for Kubernetes {', '.join(VERSIONS)}; docker-compose.yaml: {how}")


main()
