# One image for every process; docker-compose.yml gives each its command.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app \
    NUMBA_CACHE_DIR=/tmp/numba

RUN useradd --system --uid 10001 --user-group --home-dir /app --shell /usr/sbin/nologin sanse \
    && install --directory --owner=sanse --group=sanse --mode=0700 \
        /var/lib/sanse /var/lib/sanse/evidence /var/lib/sanse/transfers /var/lib/sanse/archive /var/lib/sanse/bootstrap \
    && printf '#!/bin/sh\nexec python -m launcher "$@"\n' > /usr/local/bin/sanse \
    && chmod 0755 /usr/local/bin/sanse

WORKDIR /app
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY . .
RUN python -m compileall -q .

USER sanse
CMD ["sanse", "--help"]
