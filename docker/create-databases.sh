#!/bin/bash
# Runs once, when the PostgreSQL volume is new: a role and a database for each service, closed to the others.
set -euo pipefail

for service in ingest detection casework grading identity; do
  variable="${service^^}_DATABASE_PASSWORD"
  psql --set=ON_ERROR_STOP=1 --set=service="$service" --set=password="${!variable:?is missing}" \
    --username "$POSTGRES_USER" --dbname postgres <<'SQL'
create role :"service" login password :'password';
create database :"service" owner :"service";
revoke connect, temporary on database :"service" from public;
SQL
done
