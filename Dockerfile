# The service with its pages, for a PostgreSQL that stands beside it (see compose.yaml).
# Without TIDU_DATABASE_URL it runs the embedded one in the volume /data.

FROM node:24-bookworm-slim AS pages
WORKDIR /pages
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev

FROM python:3.13-slim-bookworm
RUN useradd --system --create-home --home-dir /data --shell /usr/sbin/nologin tidu
WORKDIR /app
COPY requirements.lock requirements-build.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock -r requirements-build.lock
COPY --from=pages /pages/node_modules node_modules
COPY pyproject.toml README.md LICENSE ./
COPY rules rules
COPY frontend_templates frontend_templates
COPY migrations migrations
COPY backend backend
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable . && python -m compileall -q backend rules
USER tidu
ENV TIDU_DATA=/data/tidu TIDU_HOST=0.0.0.0 TIDU_PORT=8000 PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --start-interval=2s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["tidu", "serve"]
