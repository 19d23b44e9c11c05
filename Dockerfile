# Two images: `docker build --target bot -t kubectl-ai-slack .` and `docker build --target sandbox -t kubectl-ai-sandbox .`
# Pin the bases by digest and kubectl by checksum with --build-arg where builds must be repeatable.
ARG PYTHON_IMAGE=python:3.13-slim
ARG DEBIAN_IMAGE=debian:12-slim


FROM ${DEBIAN_IMAGE} AS kubectl
# The builder says what it builds for; without one, it is this machine's own.
ARG TARGETARCH
ARG KUBECTL_VERSION=v1.37.2
# Empty: the checksum that is published beside the program, which finds a broken download but not a forged one.
ARG KUBECTL_SHA256=
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl && rm -rf /var/lib/apt/lists/*
RUN set -eu; \
    address="https://dl.k8s.io/release/${KUBECTL_VERSION}/bin/linux/${TARGETARCH:-$(dpkg --print-architecture)}/kubectl"; \
    curl -fsSL --retry 3 -o /kubectl "$address"; \
    wanted="${KUBECTL_SHA256:-$(curl -fsSL --retry 3 "$address.sha256")}"; \
    echo "$wanted  /kubectl" | sha256sum --check --strict; \
    chmod 0755 /kubectl


# Where commands run: a shell, kubectl, and what people pipe its output into. No secret, no service, no way to gain rights.
FROM ${DEBIAN_IMAGE} AS sandbox
COPY bot/sandbox/image/packages.txt /tmp/packages.txt
RUN set -eu; \
    apt-get update; \
    sed 's/#.*//' /tmp/packages.txt | xargs apt-get install -y --no-install-recommends; \
    rm -rf /var/lib/apt/lists/* /tmp/packages.txt; \
    # Its root file system is read-only, so Python could never keep what it compiles.
    python3 -m compileall -q --invalidation-mode unchecked-hash /usr/lib/python3 /usr/lib/python3.*; \
    find / -xdev -perm /6000 -type f -exec chmod a-s {} +; \
    groupadd --gid 10001 agent; \
    useradd --uid 10001 --gid 10001 --home-dir /home/agent --create-home --shell /bin/bash agent; \
    mkdir /run/kubectl-ai
COPY --from=kubectl /kubectl /usr/local/bin/kubectl
COPY --chmod=0755 bot/sandbox/image/runner /usr/local/bin/kubectl-ai-runner
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/home/agent
USER 10001:10001
WORKDIR /home/agent
CMD ["/usr/local/bin/kubectl-ai-runner", "idle"]


FROM ${PYTHON_IMAGE} AS build
WORKDIR /source
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# Every file is checked against the lock here; what is installed below comes from these files alone.
COPY requirements.lock ./
RUN pip download --quiet --require-hashes --no-deps --dest /wheels --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot ./bot
RUN python -m venv /opt/kubectl-ai-slack \
    && /opt/kubectl-ai-slack/bin/pip install --quiet --no-index --find-links /wheels .


FROM ${PYTHON_IMAGE} AS bot
RUN groupadd --gid 10001 bot && useradd --uid 10001 --gid 10001 --home-dir /data --create-home --shell /usr/sbin/nologin bot
COPY --from=build /opt/kubectl-ai-slack /opt/kubectl-ai-slack
ENV PATH=/opt/kubectl-ai-slack/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /data
VOLUME /data
# 18443: the gateway, for sandboxes. 8080: health and metrics, where the settings turn them on.
EXPOSE 18443 8080
ENTRYPOINT ["kubectl-ai-slack"]
CMD ["serve"]
