import pytest

from archsearch.errors import InputError
from archsearch.report.layout import Layout, Panel, Section, load_layout
from archsearch.resources import resource_names


@pytest.mark.parametrize("name", resource_names("dashboards", ".py"))
def test_every_dashboard_loads(name):
    layout = load_layout(name)
    assert layout.kind
    assert all(callable(item) for section in layout.sections for item in section.items)


def test_own_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from archsearch.report.layout import Layout, Panel, Section\n"
        "LAYOUT = Layout('Mine', (Section('', (lambda run: Panel('a', '', run.name),)),))\n"
    )
    layout = load_layout(path)
    assert isinstance(layout, Layout)
    assert isinstance(layout.sections[0], Section)
    assert Panel("a", "", "x")._fields == ("key", "title", "html")


def test_unknown_name_offers_the_nearest():
    with pytest.raises(InputError, match="did you mean 'search'"):
        load_layout("serach")


def test_file_without_a_layout(tmp_path):
    path = tmp_path / "empty.py"
    path.write_text("")
    with pytest.raises(InputError, match="must define LAYOUT"):
        load_layout(path)
