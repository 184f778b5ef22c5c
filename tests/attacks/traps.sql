-- A schema full of namesakes: whoever looks a name up in it is told so. Made by the tests of tests/attacks/test_names.py.
CREATE SCHEMA trap;
GRANT USAGE ON SCHEMA trap TO public;

-- Tables, views and types of ours.
DO $$
DECLARE
    relation record;
BEGIN
    FOR relation IN
        SELECT c.relname FROM pg_class AS c
        WHERE c.relnamespace IN ('public'::regnamespace, 'broadcast'::regnamespace) AND c.relkind IN ('r', 'v')
    LOOP
        EXECUTE format('CREATE TABLE trap.%I (trapped integer)', relation.relname);
    END LOOP;
END;
$$;

-- Functions of ours and of PostgreSQL that ours call, with the same arguments, and with those that fit better than
-- PostgreSQL's "any element".
DO $$
DECLARE
    namesake record;
BEGIN
    FOR namesake IN
        SELECT DISTINCT
            p.proname,
            (
                SELECT coalesce(string_agg(replace(replace(replace(replace(replace(
                    format_type(a.type, NULL),
                    'anyarray', 'text[]'), 'anynonarray', e.element), 'anyelement', e.element),
                    'anycompatiblearray', 'text[]'), 'anycompatible', e.element), ', ' ORDER BY a.n), '')
                FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, n)
            ) AS arguments
        FROM pg_proc AS p
        CROSS JOIN (VALUES ('text'), ('character varying'), ('uuid'), ('bigint')) AS e (element)
        WHERE p.pronamespace IN ('pg_catalog'::regnamespace, 'broadcast'::regnamespace)
            AND p.prokind <> 'p'
            AND EXISTS (
                SELECT FROM pg_proc AS o
                WHERE o.pronamespace = 'broadcast'::regnamespace
                    AND (o.proname = p.proname OR o.prosrc ~ ('\m' || p.proname || '\('))
            )
            AND NOT p.proargtypes::oid[] && ARRAY['internal'::regtype, 'cstring'::regtype, '"any"'::regtype]::oid[]
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE FUNCTION trap.%I(%s) RETURNS integer LANGUAGE plpgsql'
            ' AS ''BEGIN RAISE EXCEPTION ''''trapped by a function''''; END''',
            namesake.proname, namesake.arguments
        );
    END LOOP;
END;
$$;

-- Operators, for each two types that are compared or joined somewhere; PostgreSQL has none of its own for many of them.
DO $$
DECLARE
    operands record;
    operator text;
BEGIN
    FOR operands IN
        SELECT l.type AS l, r.type AS r
        FROM unnest(ARRAY['text', 'varchar', 'uuid', 'int2', 'int4', 'int8', 'numeric', 'float8', 'timestamptz', 'interval', 'jsonb',
            'text[]', 'uuid[]']) AS l (type)
        CROSS JOIN unnest(ARRAY['text', 'varchar', 'uuid', 'int2', 'int4', 'int8', 'numeric', 'float8', 'timestamptz', 'interval',
            'jsonb', 'text[]', 'uuid[]']) AS r (type)
    LOOP
        EXECUTE format(
            'CREATE FUNCTION trap.trapped(%s, %s) RETURNS boolean LANGUAGE plpgsql'
            ' AS ''BEGIN RAISE EXCEPTION ''''trapped by an operator''''; END''',
            operands.l, operands.r
        );
        FOREACH operator IN ARRAY ARRAY['=', '<>', '<', '<=', '>', '>=', '+', '-', '*', '/', '||', '->', '->>', '~', '!~'] LOOP
            EXECUTE format(
                'CREATE OPERATOR trap.%s (FUNCTION = trap.trapped, LEFTARG = %s, RIGHTARG = %s)', operator, operands.l, operands.r
            );
        END LOOP;
    END LOOP;
END;
$$;

-- Types, which nobody can have a value of.
DO $$
DECLARE
    type_name text;
BEGIN
    FOREACH type_name IN ARRAY ARRAY['text', 'uuid', 'jsonb', 'regclass', 'timestamptz'] LOOP
        EXECUTE format(
            'CREATE FUNCTION trap.caught(pg_catalog.%I) RETURNS boolean LANGUAGE plpgsql'
            ' AS ''BEGIN RAISE EXCEPTION ''''trapped by a type''''; END''',
            type_name
        );
        EXECUTE format('CREATE DOMAIN trap.%I AS pg_catalog.%I CHECK (trap.caught(VALUE))', type_name, type_name);
    END LOOP;
END;
$$;
