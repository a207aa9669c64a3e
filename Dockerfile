# One image for all of Keel's processes; docker-compose.yml names the command of each.
FROM python:3.11-slim AS build
WORKDIR /app
COPY requirements.txt constraints.txt ./
RUN python -m venv /app/.venv && /app/.venv/bin/pip install --no-cache-dir -r requirements.txt
COPY package.json package-lock.json .npmrc ./
ENV PATH="/app/.venv/bin:$PATH"
RUN npm ci --no-audit --no-fund --omit=dev --ignore-scripts
COPY . .
RUN node assets/build.mjs && python -m house.translations locale/*/LC_MESSAGES/*.po
# Collecting reads the settings but neither connects nor signs: the values below never leave this line.
RUN KEEL_STATE_DIR=/app/state KEEL_SECRET_KEY=build DATABASE_URL=postgresql://build@build/build \
    python manage.py collectstatic --noinput --verbosity 0 && rm -rf node_modules

FROM python:3.11-slim
RUN useradd --system --uid 10001 keel
WORKDIR /app
COPY --from=build --chown=root:root /app /app
RUN mkdir -p /app/state && chown keel /app/state
ENV PATH="/app/.venv/bin:$PATH" PYTHONUNBUFFERED=1 KEEL_STATE_DIR=/app/state
USER keel
EXPOSE 8000
CMD ["gunicorn", "crm.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4", "--preload", "--access-logfile", "-", "--no-control-socket"]
