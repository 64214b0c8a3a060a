"""What do the books say? Every topic, rule, table, code and source as this service uses them, with a search; nothing of a patient."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, abort, request

from adapter.page.library import hits, rule_page, shelves, topic_page
from adapter.web.described import Given, described, page_call
from adapter.web.desk import desk
from adapter.web.guard import PUBLIC, needs_all
from adapter.web.pages.frame import page, page_blueprint

knowledge = page_blueprint("knowledge")
needs_all(knowledge, PUBLIC)

_LONGEST_SEARCH = 100


@knowledge.get("/knowledge")
@described(
    GET=page_call(
        "Every topic of the books, with a search", query=(Given(name="q", words="Words that all have to stand in what is found"),)
    )
)
def overview() -> Response:
    """Every topic, or what a search found."""
    books, asked = desk().knowledge, request.args.get("q", "").strip()[:_LONGEST_SEARCH]
    found = hits(books, asked) if asked else None
    return page("knowledge.html", shelves=shelves(books), hits=found, asked=asked, version=books.version)


@knowledge.get("/knowledge/topics/<name>")
@described(GET=page_call("One topic with its rules, codes and sources"))
def topic(name: str) -> Response:
    """One topic with its rules, words, codes and sources."""
    found = topic_page(desk().knowledge, name)
    return page("topic.html", shown=found) if found else abort(HTTPStatus.NOT_FOUND)


@knowledge.get("/knowledge/rules/<name>")
@described(GET=page_call("One rule with its cut-offs or its table", query=(Given(name="row", words="The row of the table to mark"),)))
def rule(name: str) -> Response:
    """One rule; the row of its table that an answer came from is marked."""
    found = rule_page(desk().knowledge, name, request.args.get("row", ""))
    return page("rule.html", shown=found) if found else abort(HTTPStatus.NOT_FOUND)


@knowledge.get("/knowledge/sources")
@described(GET=page_call("Where everything was read"))
def sources() -> Response:
    """Where everything was read."""
    return page("sources.html", sources=tuple(desk().knowledge.sources.values()))
