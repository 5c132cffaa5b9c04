"""Strict assignment of weights by name, with a report."""

import collections
import dataclasses
from typing import NamedTuple

import numpy as np

from selfsup.weights import memory

# At most so many names are listed of each kind of mistake; the rest is counted.
_LISTED = 10


class Row(NamedTuple):
    """How one parameter got its value.

    Attributes:
        parameter: Its name in the model, such as `conv1_1/kernel`.
        shape: Its shape.
        source: Its name in the origin.
        how: `"copied"`, or how it was converted.
    """

    parameter: str
    shape: tuple
    source: str
    how: str


@dataclasses.dataclass(frozen=True)
class Report:
    """Where the weights of a model came from; prints as a table.

    Attributes:
        rows: A `Row` for each parameter, in the model's order.
        origin: The file or model that they came from.
    """

    rows: tuple[Row, ...]
    origin: str

    def __str__(self):
        cells = [Row._fields, *(tuple(map(str, row)) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(c.ljust(n) for c, n in zip(row, widths, strict=True)).rstrip()
            for row in cells
        ]
        values = sum(int(np.prod(row.shape)) for row in self.rows)
        counts = collections.Counter(row.how for row in self.rows)
        how = ", ".join(f"{count} {text}" for text, count in counts.items())
        lines.append(
            f"{len(self.rows)} parameters of {values:,} values from {self.origin}: "
            f"{how or 'none'}"
        )
        return "\n".join(lines)


def parameters(model):
    """Lists the weights of a model by name.

    Args:
        model: A model of `selfsup.networks`, with or without a head.

    Returns:
        A dict from `layer/weight`, such as `conv1_1/kernel`, `bias1_1/shift` or
        `batch_conv1_1/moving_mean`, to the variable.

    Raises:
        ValueError: If two weights have the same name, as in nested models.
    """
    found = {}
    for layer in model.layers:
        for variable in layer.weights:
            name = f"{layer.name}/{variable.name}"
            if name in found:
                raise ValueError(
                    "Expected a model without nested models. "
                    f"Received: model={model.name!r} with two weights {name}"
                )
            found[name] = variable
    return found


def arrays(model):
    """Returns copies of the `parameters` of a model as NumPy arrays."""
    return {
        name: np.array(memory.view(variable))
        for name, variable in parameters(model).items()
    }


def layer_of(parameter):
    """Returns the name of the layer that a parameter belongs to."""
    return parameter.rpartition("/")[0]


def assign(model, values, sources=None, origin="arrays"):
    """Assigns all weights of a model, or none if there is any mistake.

    Args:
        model: The model, which is changed.
        values: Dict from the name of a parameter, see `parameters`, to its
            array.
        sources: For the report: dict from parameter to a pair of its name in
            the origin and how it was converted; None if all were copied.
        origin: What the arrays came from, for the report and errors.

    Returns:
        A `Report`.

    Raises:
        ValueError: If parameters are missing, unexpected or of another shape;
            all are listed. Nothing is assigned then.
    """
    variables = parameters(model)
    _check(model, variables, values, origin)
    rows = []
    for name, variable in variables.items():
        variable.assign(np.asarray(values[name], variable.dtype))
        source, how = (sources or {}).get(name, (name, "copied"))
        rows.append(Row(name, tuple(variable.shape), source, how))
    return Report(tuple(rows), origin)


def _check(model, variables, values, origin):
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    mistakes = {
        "missing": [name for name in shapes if name not in values],
        "unexpected": [name for name in values if name not in shapes],
        "of another shape": [
            f"{name} {np.shape(values[name])} instead of {shape}"
            for name, shape in shapes.items()
            if name in values and np.shape(values[name]) != shape
        ],
    }
    listed = [_listed(kind, names) for kind, names in mistakes.items() if names]
    if listed:
        raise ValueError(
            f"The weights from {origin} are not those of the model {model.name!r}. "
            f"Expected the same names and shapes. Received: {'; '.join(listed)}"
        )


def _listed(kind, names):
    more = len(names) - _LISTED
    names = [*names[:_LISTED], *([f"and {more} more"] if more > 0 else [])]
    return f"{kind}: {', '.join(names)}"
