"""Takes each mechanism of the rule away, one at a time, and shows which promises' tests fail without it.

Run it with ``make mutants``. A mechanism whose removal no test notices makes it fail.
"""

import re
import subprocess
import sys

# What `pytest --without=NAME` runs on the template database after the upgrade.
MUTANTS = {
    "creating-trigger": "DROP TRIGGER create_broadcast_rows ON main_clients_database",
    "cascade-key": "ALTER TABLE broadcast_manager DROP CONSTRAINT broadcast_manager_client_id_pair_fkey",
    "cascade-on-update": "ALTER TABLE broadcast_manager DROP CONSTRAINT broadcast_manager_client_id_pair_fkey,"
    " ADD CONSTRAINT broadcast_manager_client_id_pair_fkey FOREIGN KEY (client_id, open_channel_id, closed_channel_id)"
    " REFERENCES main_clients_database (client_id, open_channel_id, closed_channel_id) ON DELETE CASCADE",
    "deferred-key": "ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_database_pair_fkey",
    "owner-key": "ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_database_owner_fkey",
    "pair-key-of-rows": "ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_database_pair_fkey;"
    "DROP INDEX broadcast_manager_pair_key",
    "not-null": "ALTER TABLE broadcast_manager ALTER client_id DROP NOT NULL, ALTER open_channel_id DROP NOT NULL",
    "takeover": "DROP TRIGGER take_over_auto_created_row ON broadcast_manager",
    "truncate-guard": "DROP TRIGGER refuse_broadcast_truncate ON broadcast_manager",
    "security-definer": "ALTER FUNCTION broadcast.create_broadcast_rows() SECURITY INVOKER",
    "search-path": "ALTER FUNCTION broadcast.create_broadcast_rows() RESET search_path",
    "integrity-view": "CREATE OR REPLACE VIEW broadcast.integrity_violations AS"
    " SELECT * FROM broadcast.find_integrity_violations() WHERE false",
    "quarantine": "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
    "CREATE TRIGGER lose BEFORE INSERT ON broadcast.quarantine FOR EACH ROW EXECUTE FUNCTION lose()",
}


def main() -> int:
    """Run the tests of the guarantee without each mechanism; give 1 if they did not notice one."""
    unnoticed = []
    for name in MUTANTS:
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--tb=no", f"--without={name}", "tests/guarantee", *sys.argv[1:]],
            capture_output=True,
            text=True,
            check=False,
        )
        failed = re.findall(r"^FAILED \S*::(\w+)", run.stdout, re.MULTILINE)
        print(f"without {name}: {len(failed)} fail, {', '.join(sorted({test.split('_')[1] for test in failed}))}")
        for test in sorted(set(failed)):
            print(f"    {test}")
        if run.returncode != 1 or not failed:
            unnoticed.append(name)
            # The tests passed, or did not run: that must not look alike.
            print(f"pytest ended with {run.returncode}:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    print(f"{len(MUTANTS)} mechanisms removed, {len(unnoticed)} not noticed: {', '.join(unnoticed) or 'none'}")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
