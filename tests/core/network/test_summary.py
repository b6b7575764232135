"""What a model looks like where it is typed: in Python's prompt, and in a notebook."""

import xml.etree.ElementTree as ElementTree

import braininabox as bb


def chain(count):
    return bb.Sequential([bb.layers.Linear(2) for _ in range(count)])


class Net(bb.Model):
    def __init__(self):
        super().__init__()
        self.only = bb.layers.Linear(3)

    def forward(self, x, training=False):
        return self.only(x)


def test_a_model_that_is_not_built_shows_its_layers():
    assert repr(bb.Sequential([bb.layers.Linear(2), bb.layers.ReLU()])).splitlines() == [
        "Sequential, not built",
        "  Linear(units=2, initializer='he')",
        "  ReLU()",
    ]
    assert repr(Net()).splitlines() == ["Net, not built", "  Linear(units=3, initializer='he')"]


def test_a_model_that_is_built_shows_its_summary():
    model = chain(2)
    model.build((4,))
    assert repr(model) == f"Sequential\n{model.summary()}" and repr(model.summary()) == str(model.summary())
    model.layers.append(bb.layers.ReLU())  # what it was built of is no more
    assert repr(model).startswith("Sequential, not built") and "<table>" not in model._repr_html_()


def test_what_is_longer_than_30_layers_is_cut_in_the_middle_but_not_where_it_is_printed():
    for built in (False, True):
        for count, lines in ((30, 30), (40, 31)):
            model = chain(count)
            if built:
                model.build((2,))
            shown = [line.strip() for line in repr(model).splitlines() if "inear" in line or "more" in line]
            assert len(shown) == lines and (shown[15] == "... and 10 more") == (count == 40)
    assert len(str(model.summary()).splitlines()) == len(model.summary()._repr_html_().split("<tr>")[1:]) + 2 == 44


def test_a_notebook_shows_a_table_and_no_name_becomes_markup():
    kind = type("<b>&", (bb.layers.ReLU,), {})
    model = bb.Sequential([bb.layers.Linear(2), kind()])
    assert (
        model._repr_html_()
        == "<pre>Sequential, not built\n  Linear(units=2, initializer=&#x27;he&#x27;)\n  &lt;b&gt;&amp;()</pre>"
    )
    model.build((3,))
    page = ElementTree.fromstring(f"<body>{model._repr_html_().replace('<br>', ' ')}</body>")
    rows = [["".join(cell.itertext()) for cell in row] for row in page.iter("tr")]
    assert rows[0] == ["layer", "output", "parameters", "multiply-adds", "activations"]
    assert rows[1:] == [
        ["input", "3", "", "", ""],
        ["linear_0", "2", "8", "6", "8 B"],
        ["<b>&_0", "2", "0", "0", "8 B"],
    ]
    assert [part.tag for part in page] == ["p", "table", "p"] and "8 parameters: 32 B" in page[2].text
