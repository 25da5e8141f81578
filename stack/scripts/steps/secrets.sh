# shellcheck shell=bash
# stack/.env and the secret files: made where they are missing, never overwritten.

# new_secret: 43 characters out of 32 random bytes, safe in a URL and in a header.
new_secret() {
  python3 -c 'import secrets; print(secrets.token_urlsafe(32), end="")'
}

# write_secret FOLDER NAME VALUE: complete or not at all.
write_secret() {
  [[ -f "$1/$2" ]] && return
  (umask 077 && printf '%s' "$3" >"$1/.$2.partial")
  # Containers run under users of their own; the folder keeps the host's users out.
  chmod 0444 "$1/.$2.partial"
  mv "$1/.$2.partial" "$1/$2"
  log "secrets: made $2"
}

# secrets_folder: SECRETS_DIR, which is relative to the compose files.
secrets_folder() {
  local folder
  folder="$(env_value SECRETS_DIR)"
  folder="${folder:-./secrets}"
  [[ "$folder" == /* ]] || folder="$STACK_DIR/${folder#./}"
  printf '%s' "$folder"
}

ensure_secrets() {
  local folder name
  folder="$(secrets_folder)"
  mkdir -p "$folder"
  chmod 0700 "$folder"
  for name in influxdb_admin_password influxdb_admin_token admin_token; do
    write_secret "$folder" "$name" "$(new_secret)"
  done
  write_secret "$folder" weather_api_key ""
  if [[ "$ENVIRONMENT" == development ]]; then
    write_secret "$folder" ha_access_token "$(new_secret)"
  else
    write_secret "$folder" ha_access_token ""
  fi
}

ensure_env_file() {
  [[ -f "$ENV_FILE" ]] && return
  cp "$STACK_DIR/.env.$ENVIRONMENT" "$ENV_FILE.partial"
  mv "$ENV_FILE.partial" "$ENV_FILE"
  log "made $ENV_FILE from .env.$ENVIRONMENT"
}

# next_steps: what only the user can fill in.
next_steps() {
  local file
  [[ "$ENVIRONMENT" == production ]] || return 0
  if env_value HA_URL | grep -q 'your-'; then
    log "next: set HA_URL in $ENV_FILE"
  fi
  file="$(secrets_folder)/ha_access_token"
  if [[ -z "$(env_value HA_ACCESS_TOKEN)" && ! -s "$file" ]]; then
    log "next: put Home Assistant's long-lived token into $file"
  fi
}
