"""Several structures in one call of the model, where that is faster.

A graph network evaluates many structures as one graph in unconnected parts. That saves the
launches of its kernels, which are most of the time of a small cell on a GPU. On a CPU the
arithmetic is, and a batch saves nothing: see :func:`gains`.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, cast

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.mep import NEB
from numpy.typing import NDArray

from misei.workflows.calculators import SharedCalculator
from misei.workflows.journal import current_journal, evaluation_key

Results = dict[str, Any]


def evaluate_batch(
    calculator: Calculator, images: Sequence[Atoms], together: bool | None = None
) -> list[Results]:
    """Evaluate structures, with one call of the model where it takes them all and that is faster.

    The structures may differ in size, cell and elements; cutoff, modal and device are the
    calculator's. A :class:`SharedCalculator` counts and journals a batch of n as n evaluations
    and takes from the journal what is there.

    Parameters
    ----------
    calculator
        Any ASE calculator. Batched is sevenn's SevenNetCalculator itself (what derives from it
        or adds to it may compute otherwise); any other takes one structure after the other.
    images
        The structures; calculators of their own are not asked.
    together
        Whether to batch where possible; None: where :func:`gains` says so.

    Returns
    -------
    list of dict
        Per structure what the calculator alone would give: energy and free_energy in eV,
        forces (n x 3) in eV/angstrom, stress (6, Voigt) in eV/angstrom^3 and what else it has.
        A batch changes the order of sums in float32, nothing else.
    """
    if isinstance(calculator, SharedCalculator):
        copies = [deepcopy(calculator) for _ in images]
        _fill(copies, images, together)
        return [copy.results for copy in copies]
    if _in_one_batch(calculator, len(images), together):
        return _evaluate_sevennet(calculator, images)
    results = []
    for image in images:
        calculator.calculate(image, ["energy", "forces", "stress"], all_changes)
        results.append(dict(calculator.results))
    return results


def gains(calculator: Calculator) -> bool:
    """Whether a batch is faster than one structure after the other: SevenNet, not on a CPU.

    Measured with SevenNet-0 on Li2O and LiAl on one core, as the CPU time per structure over
    that of single evaluations: in batches of 3, 1.0 to 1.2 with 12 to 32 atoms and 1.3 to 1.7
    with 36 to 64; in batches of 5, 1.1 to 1.8 and 2.2 to 2.8. The loss is memory that the
    allocator gives back after every use and that returns as page faults. Where it keeps it
    (glibc's M_MMAP_MAX=0 and a large M_TRIM_THRESHOLD), batches of 3 and 5 cost 0.9 to 1.1 of
    what their structures cost. On a GPU it was not measured: there the rule is an assumption.
    """
    return _is_sevennet(calculator) and cast(Any, calculator).device.type != "cpu"


class BatchedNEB(NEB):  # type: ignore[misc]
    """ASE's NEB with its interior images evaluated in one batch.

    The results are put where the images' own calculators would have put them; then ASE's
    NEB goes on as ever. Nothing known is evaluated again. Images whose calculators are not
    :class:`SharedCalculator` copies over one model are left to ASE, one by one.

    Parameters
    ----------
    *args, **kwargs
        As of :class:`ase.mep.NEB`.
    together
        As of :func:`evaluate_batch`.
    """

    def __init__(self, *args: Any, together: bool | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.together = together

    def get_forces(self) -> NDArray[Any]:
        """Return the forces on the band in eV/angstrom: (interior images x atoms, 3)."""
        # With these ASE moves the images, or shares them out, before it evaluates them.
        if not (self.remove_rotation_and_translation or self.parallel):
            self._evaluate_interior()
        return super().get_forces()

    def _evaluate_interior(self) -> None:
        interior = self.images[1:-1]
        calculators = {id(image.calc): image.calc for image in interior}.values()
        shared = all(isinstance(each, SharedCalculator) for each in calculators)
        one_each = len(calculators) == len(interior)
        if not (shared and one_each and len({id(each.model) for each in calculators}) == 1):
            return
        unknown = [i for i in interior if i.calc.calculation_required(i, ["energy", "forces"])]
        _fill([image.calc for image in unknown], unknown, self.together)


class _Evaluated(Calculator):  # type: ignore[misc]
    """A model that has its results already."""

    def __init__(self, results: Results) -> None:
        super().__init__()
        self.results = results

    def calculate(self, *_: Any) -> None:
        """Leave the results as they are."""


def _fill(
    calculators: Sequence[SharedCalculator], images: Sequence[Atoms], together: bool | None
) -> None:
    """Make each calculator (all over one model) know its image, as if it had been asked."""
    journal = current_journal()
    known = journal.known if journal else {}
    new = [
        index
        for index, (calculator, image) in enumerate(zip(calculators, images, strict=True))
        if evaluation_key(image, calculator.label) not in known
    ]
    models = [calculator.model for calculator in calculators]
    batch: dict[int, Results] = {}
    # One by one, each is journaled before the next is evaluated.
    if new and _in_one_batch(models[0], len(new), together):
        results = _evaluate_sevennet(models[0], [images[index] for index in new])
        batch = dict(zip(new, results, strict=True))
    for index, (calculator, image) in enumerate(zip(calculators, images, strict=True)):
        # The calculator counts and journals; only its model is spared the work.
        if index in batch:
            calculator.model = _Evaluated(batch[index])
        try:
            calculator.calculate(image)
        finally:
            calculator.model = models[index]


def _in_one_batch(calculator: Any, count: int, together: bool | None) -> bool:
    wanted = gains(calculator) if together is None else together
    return wanted and count > 1 and _is_sevennet(calculator)


def _is_sevennet(calculator: Calculator) -> bool:
    # By name: importing sevenn imports torch.
    kind = type(calculator)
    return (kind.__module__, kind.__qualname__) == ("sevenn.calculator", "SevenNetCalculator")


def _evaluate_sevennet(calculator: Any, images: Sequence[Atoms]) -> list[Results]:
    """One call of the model, or two of half the structures when they do not fit in the memory."""
    import torch

    try:
        return _one_call(calculator, images)
    except torch.OutOfMemoryError:
        if len(images) == 1:
            raise
    # Outside the handler, whose traceback keeps the tensors alive.
    half = len(images) // 2
    parts = (images[:half], images[half:])
    return [results for part in parts for results in _evaluate_sevennet(calculator, part)]


def _one_call(calculator: Any, images: Sequence[Atoms]) -> list[Results]:
    """SevenNetCalculator.calculate, steps and units alike, for a graph of several structures."""
    from sevenn import _keys as KEY
    from sevenn.atom_graph_data import AtomGraphData
    from sevenn.train.dataload import unlabeled_atoms_to_graph
    from sevenn.util import to_atom_graph_list
    from torch_geometric.data import Batch

    graphs = []
    for image in images:
        graph = AtomGraphData.from_numpy_dict(unlabeled_atoms_to_graph(image, calculator.cutoff))
        if calculator.modal:
            graph[KEY.DATA_MODALITY] = calculator.modal
        graphs.append(graph)
    calculator.model.set_is_batch_data(True)
    try:
        output = calculator.model(Batch.from_data_list(graphs).to(calculator.device))
    finally:
        calculator.model.set_is_batch_data(False)  # as the calculator needs it
    parts = to_atom_graph_list(output)
    for part in parts:
        part[KEY.PRED_STRESS] = part[KEY.PRED_STRESS].squeeze(0)  # (1, 6) to (6,)
    return [calculator.output_to_results(part) for part in parts]
