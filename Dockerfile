# syntax=docker/dockerfile:1
# One image for the service and the operator. The last stage has Python, our dependencies and our code; it needs no
# shell, no package manager and no writable file system.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1
WORKDIR /build
COPY requirements-build.txt ./
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --quiet --require-hashes --requirement requirements-build.txt
# Dependencies change seldom: a layer of their own, from the lock file, by hash, and nothing that has to be built first.
COPY pyproject.toml uv.lock ./
RUN UV_PROJECT_ENVIRONMENT=/opt/scrap /opt/uv/bin/uv sync --frozen --no-build --no-dev --no-install-project --all-extras --python python3
COPY README.md LICENSE ./
COPY service service
# Offline: our own code needs no tool to build it that was not there before.
RUN UV_PROJECT_ENVIRONMENT=/opt/scrap /opt/uv/bin/uv sync --offline --frozen --no-dev --no-editable --all-extras --python python3
# What is in it, for who has to know: CycloneDX, from the lock file, hashes included.
RUN /opt/uv/bin/uv export --frozen --no-dev --all-extras --no-emit-project --format cyclonedx1.5 --quiet \
    --output-file /opt/scrap/sbom.cdx.json

FROM ${PYTHON_IMAGE}
ARG VERSION=dev
ARG REVISION=unknown
ARG SOURCE=https://localhost/scrap
# URL of this version's docs folder; a source tree has none (RFC 6761, section 6.4).
ARG DOCUMENTATION=https://scrap.invalid
LABEL org.opencontainers.image.title="scrap" \
      org.opencontainers.image.description="Answers a URL with the Open Graph of the page behind it" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Nothing is installed here ever again: no pip, and none of the wheels that Python keeps to install it from.
RUN python3 -m pip uninstall --yes --quiet --root-user-action=ignore pip \
    && rm -rf "$(python3 -c 'import ensurepip; print(*ensurepip.__path__)')" /usr/share/python-wheels
COPY --from=build /opt/scrap /opt/scrap
# USER: the user below has no entry in /etc/passwd, and who asks for its name (kopf does) would find none.
ENV PATH=/opt/scrap/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 USER=scrap \
    SCRAP_HOST=0.0.0.0 SCRAP_MANAGEMENT_HOST=0.0.0.0 \
    SCRAP_USER_AGENT="Mozilla/5.0 (compatible; scrapbot/${VERSION}; +${DOCUMENTATION}/fetching.md)"
USER 65532:65532
WORKDIR /tmp
EXPOSE 8080 8081
ENTRYPOINT ["scrap"]
CMD ["serve"]
