# The one gate: format, lints, documentation, tests, dependencies.
check:
    scripts/test

# Only the tests, quickly.
test *args:
    cargo nextest run --workspace {{args}}

# From a clean clone to a report.
quickstart:
    scripts/quickstart
