# The images of docker-compose.yml: `tokenfab` (every process of ours and the simulated
# engine) and `engine` (vLLM on a CUDA GPU). Both run as the same user, because the
# engine's socket lets in its own user only.

FROM python:3.11-slim AS packages
COPY requirements/base.txt /tmp/base.txt
RUN python -m venv /venv \
    && /venv/bin/pip install --disable-pip-version-check --no-cache-dir --no-input \
        --only-binary :all: --require-hashes -r /tmp/base.txt

# The full image has a C compiler.
FROM python:3.11 AS compiled
COPY --from=packages /venv /venv
COPY requirements/compile.txt /tmp/compile.txt
RUN /venv/bin/pip install --disable-pip-version-check --no-cache-dir --no-input \
        --only-binary :all: --require-hashes -r /tmp/compile.txt
WORKDIR /srv/tokenfab
COPY tenants tenants/
COPY inference inference/
COPY metering metering/
COPY config config/
RUN /venv/bin/python -m config.compiled /srv/compiled

FROM python:3.11-slim AS tokenfab
# Volumes take owner and mode of the folder that they are first mounted over.
RUN useradd --system --uid 10001 --user-group --no-create-home \
        --home-dir /var/lib/tokenfab --shell /usr/sbin/nologin tokenfab \
    && install --directory /var/lib/tokenfab \
    && install --directory --owner tokenfab --group tokenfab --mode 0700 \
        /var/lib/tokenfab/journal /var/lib/tokenfab/snapshots \
        /var/lib/tokenfab/mail /run/tokenfab
COPY --from=packages /venv /venv
COPY --from=compiled /srv/compiled /srv/compiled/
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TOKENFAB_HOME=/var/lib/tokenfab
WORKDIR /srv/tokenfab
COPY manage.py ./
COPY tenants tenants/
COPY inference inference/
COPY metering metering/
COPY billing billing/
COPY frontend frontend/
COPY config config/
# The portal shows them.
COPY docs docs/
COPY locale locale/
# These values let the settings load and are kept nowhere.
RUN python -m compileall -q . \
    && DJANGO_SECRET_KEY=none SNAPSHOT_KEY=none ENGINE_KEY=none WEBHOOK_KEY=none RECEIPT_KEY=none \
        python manage.py collectstatic --no-input --verbosity 0
USER tokenfab

FROM vllm/vllm-openai:v0.32.0 AS engine
USER root
RUN useradd --system --uid 10001 --user-group --no-create-home \
        --home-dir /var/lib/tokenfab/models --shell /usr/sbin/nologin tokenfab \
    && install --directory --owner tokenfab --group tokenfab --mode 0700 \
        /var/lib/tokenfab/models /run/tokenfab
# The lease plugin and its entry point, which vLLM finds by the path.
COPY inference /srv/tokenfab/inference/
ENV HOME=/var/lib/tokenfab/models \
    PYTHONPATH=/srv/tokenfab:/srv/tokenfab/inference/vllm_plugin/entry_points
USER tokenfab
