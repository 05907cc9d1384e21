"""Passwords in URLs are found, taken out, and hidden in every form in which they are written."""

from urllib.parse import quote, quote_plus

import pytest

from archsearch.secrets import hidden, split_secrets

URLS = {
    "postgresql://user:s3cret@host/db": ("postgresql://user@host/db", "s3cret"),
    "postgresql+psycopg2://user:s3cret@host:5432/db?sslmode=require": (
        "postgresql+psycopg2://user@host:5432/db?sslmode=require",
        "s3cret",
    ),
    "postgresql://host/db?user=u&password=s3cret": ("postgresql://host/db?user=u", "s3cret"),
    "mysql+pymysql://u:s3cret@[::1]:3306/db?charset=utf8": (
        "mysql+pymysql://u@[::1]:3306/db?charset=utf8",
        "s3cret",
    ),
    "mysql://u@h/db?ssl_ca=a.pem&passwd=s3cret": ("mysql://u@h/db?ssl_ca=a.pem", "s3cret"),
    "redis://:s3cret@host:6379/0": ("redis://host:6379/0", "s3cret"),
    "rediss://user:s3cret@host/0": ("rediss://user@host/0", "s3cret"),
    "mssql+pyodbc:///?odbc_connect=Server%3Dh%3BUID%3Du%3BPWD%3Ds3cret": (
        "mssql+pyodbc:///",
        "Server=h;UID=u;PWD=s3cret",
    ),
    "db://h/d?api_key=s3cret&sslpassword=other": ("db://h/d", "s3cret"),
    "postgresql://user:p%40ss%2Fw%3Ard@host/db": ("postgresql://user@host/db", "p@ss/w:rd"),
    "postgresql://user:p@ss@host/db": ("postgresql://user@host/db", "p@ss"),
    "postgresql://user:p/ss@host/db": ("postgresql://user@host/db", "p/ss"),
    "postgresql://user:p?ss@host/db": ("postgresql://user@host/db", "p?ss"),
    "postgresql://user:a b#c@host/db": ("postgresql://user@host/db", "a b#c"),
}
WITHOUT = [
    "sqlite:///study.db",
    "sqlite:////a/b@c:d/study.db",
    "postgresql://host/db",
    "postgresql://user@host/db?sslmode=require",
    "postgresql://user:@host/db",
    "study.db",
    "",
]


@pytest.mark.parametrize("url", URLS)
def test_a_secret_is_found(url: str) -> None:
    shown, secret = URLS[url]
    found, secrets = split_secrets(url)
    assert found == shown
    assert secret in secrets
    assert split_secrets(found) == (found, ()), "what is shown holds none"


@pytest.mark.parametrize("url", WITHOUT)
def test_what_holds_none_stays_as_it_is(url: str) -> None:
    assert split_secrets(url) == (url, ())
    assert hidden(f"failed: {url}", url) == f"failed: {url}"


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("form", [str, quote, quote_plus, repr, lambda text: quote(text, safe="")])
def test_it_is_hidden_in_every_form(url: str, form) -> None:
    _, secret = URLS[url]
    for text in (url, form(secret), f"password={form(secret)} host=h", f"'{form(secret)}'@'host'"):
        message = hidden(f"(driver) {text} was refused", url)
        assert secret not in message
        assert form(secret) not in message
        assert "was refused" in message


def test_a_short_password_does_not_blacken_words() -> None:
    assert hidden("a database said: a", "postgresql://u:a@h/d") == "*** database said: ***"
