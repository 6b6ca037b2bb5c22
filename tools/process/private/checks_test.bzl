"""Tests what the attributes of the macros take."""

load("@bazel_skylib//lib:unittest.bzl", "asserts", "unittest")
load(
    ":checks.bzl",
    "embed_mistake",
    "environments_mistake",
    "kind_mistake",
    "line_mistake",
    "replicas_mistake",
    "repository_mistake",
    "resources_mistake",
    "secrets_mistake",
    "size_mistake",
    "strings_mistake",
)

_KINDS = ["grpc", "rest"]

# What is right, and what is wrong with words that the message must have.
_RIGHT = [
    line_mistake("title", "playbook rest"),
    repository_mistake("playbook-grpc"),
    repository_mistake("a2"),
    size_mistake(1),
    kind_mistake("rest", _KINDS),
    embed_mistake([":lib"]),
    replicas_mistake(1, 1),
    replicas_mistake(2, 6),
    strings_mistake("env", {"A": "1"}),
    strings_mistake("env", {}),
    resources_mistake({"cpu": "1"}, ["cpu", "memory"]),
    secrets_mistake({"DATABASE_URL": "playbook-database/url", "WEBHOOK_SECRETS": "playbook-webhooks/secrets?"}),
    environments_mistake(["staging"], ["staging", "production"]),
]

_WRONG = [
    (line_mistake("title", ""), "title"),
    (line_mistake("title", " "), "one line"),
    (line_mistake("title", None), "one line"),
    (line_mistake("title", "a\nb=c"), "one line"),
    (repository_mistake(""), "lower-case letters"),
    (repository_mistake("A"), "lower-case letters"),
    (repository_mistake("a_b"), "lower-case letters"),
    (repository_mistake("-a"), "lower-case letters"),
    (repository_mistake("a-"), "lower-case letters"),
    (repository_mistake(None), "lower-case letters"),
    (size_mistake(0), "positive integer"),
    (size_mistake(-1), "positive integer"),
    (size_mistake("5"), "positive integer"),
    (kind_mistake("job", _KINDS), "grpc, rest"),
    (kind_mistake(["grpc"], _KINDS), "grpc, rest"),
    (embed_mistake([]), "package main"),
    (embed_mistake(":lib"), "package main"),
    (embed_mistake([":a", ":b"]), "package main"),
    (replicas_mistake(0, 1), "from 1"),
    (replicas_mistake(2, 1), "larger one second"),
    (replicas_mistake("2", 3), "numbers"),
    (strings_mistake("env", {"A": 1}), "env"),
    (strings_mistake("env", ["A"]), "dictionary"),
    (resources_mistake({"disk": "1"}, ["cpu", "memory"]), "cpu, memory"),
    (resources_mistake({"cpu": 1}, ["cpu", "memory"]), "strings"),
    (secrets_mistake({"DATABASE_URL": "playbook-database"}), "SECRET/KEY"),
    (secrets_mistake({"DATABASE_URL": "/url"}), "SECRET/KEY"),
    (secrets_mistake({"DATABASE_URL": ""}), "SECRET/KEY"),
    (environments_mistake(["prodution"], ["staging", "production"]), "staging, production"),
    (environments_mistake([], ["staging"]), "staging"),
]

def _checks_test_impl(ctx):
    env = unittest.begin(ctx)
    for mistake in _RIGHT:
        asserts.equals(env, None, mistake)
    for mistake, words in _WRONG:
        asserts.true(env, mistake and words in mistake, "got %r, want a message with %r" % (mistake, words))
    return unittest.end(env)

checks_test = unittest.make(_checks_test_impl, doc = "Wrong values are refused with a message that says what is allowed.")
