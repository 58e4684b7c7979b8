-- The passwords of both roles, and the role that serves every request and owns nothing. The postgres container runs
-- this when it makes its data; run it again after a change of a password (docs/configuration.md, "Rotation").
\set ON_ERROR_STOP on
\getenv owner_password POSTGRES_PASSWORD
\getenv app_password APP_PASSWORD
ALTER ROLE CURRENT_USER PASSWORD :'owner_password';
SELECT 'CREATE ROLE pvc_app LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pvc_app') \gexec
ALTER ROLE pvc_app PASSWORD :'app_password';
