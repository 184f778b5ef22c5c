-- The database and who logs in to it: the owner as on the live server, no superuser, and one role each for API and
-- worker. The two roles without login are the upgrade's; made here already so that their members can be, too.

\getenv owner_password OWNER_PASSWORD
\getenv api_password API_PASSWORD
\getenv worker_password WORKER_PASSWORD

CREATE ROLE paygateprime LOGIN CREATEROLE PASSWORD :'owner_password';
CREATE ROLE broadcast_api NOLOGIN;
CREATE ROLE broadcast_worker NOLOGIN;
CREATE ROLE paygateprime_api LOGIN PASSWORD :'api_password' IN ROLE broadcast_api;
-- Whoever holds a row for long holds up no more than their own request.
ALTER ROLE paygateprime_api SET lock_timeout = '3s';
CREATE ROLE paygateprime_worker LOGIN PASSWORD :'worker_password' IN ROLE broadcast_worker;
CREATE DATABASE telepaypsql OWNER paygateprime ENCODING 'UTF8' TEMPLATE template0;
