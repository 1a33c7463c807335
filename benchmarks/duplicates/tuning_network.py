"""An encoder's weights, taught by pairs of texts in PyTorch, drawn back towards what they were, and written."""

import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuning_pairs import Example

from bugflow.ml.encoder.tokens import clean, open_tokenizer, pad
from bugflow.ml.encoder.weights import Weights

WARM_UP = 0.1
"""Of the steps, in which the learning rate rises; in the others it falls to nothing."""
WEIGHT_DECAY = 0.01
WORDS = "embeddings"
"""What is not taught: a few thousand texts have few of the words."""
POOL = 8
"""Among so many batches texts of the same length are looked for."""

State = Mapping[str, Any]
"""PyTorch's tensors by name."""


@dataclass(frozen=True)
class Teaching:
    """How an encoder is taught.

    Attributes:
        epochs: How often each pair is seen.
        pairs: So many at most; none takes all.
        batch_size: Pairs whose texts are each other's examples of other bugs.
        max_tokens: After how many a text is cut.
        scale: By what cosines are multiplied before they are compared (1 / temperature).
        towards: How much it counts that each vector stays where the frozen weights put it (1 - cosine).
        last_layers: So many are taught, the last ones; none teaches all.
    """

    epochs: int = 2
    pairs: int | None = None
    batch_size: int = 32
    max_tokens: int = 96
    learning_rate: float = 2e-5
    scale: float = 20.0
    towards: float = 0.0
    last_layers: int | None = None
    seed: int = 0


def load_network(weights: Weights) -> Any:  # noqa: ANN401 -- A PyTorch module.
    """Return the transformer of some weights, whose vectors are the means of its tokens'."""
    from transformers import AutoModel  # noqa: PLC0415 -- Heavy.

    return AutoModel.from_pretrained(weights.folder, attn_implementation="eager", local_files_only=True).float()


def teach(
    weights: Weights, epochs: Iterator[list[Example]], teaching: Teaching, *, tell: Callable[[str], None] = print
) -> State:
    """Return the weights that a frozen encoder's become by teaching; computed in bfloat16, kept in full.

    Source: van den Oord et al., Representation Learning with Contrastive Predictive Coding, 2018, with each pair's
    bug beside the others of its batch.
    """
    import torch  # noqa: PLC0415 -- Heavy.

    torch.manual_seed(teaching.seed)
    network = load_network(weights)
    frozen = deepcopy(network).eval() if teaching.towards else None
    _choose_parameters(network, teaching.last_layers)
    tokenizer = open_tokenizer(weights.folder / "tokenizer.json", most_tokens=teaching.max_tokens)
    batches = [batch for examples in epochs for batch in divide(examples, teaching)]
    optimiser = torch.optim.AdamW(
        [each for each in network.parameters() if each.requires_grad],
        lr=teaching.learning_rate,
        weight_decay=WEIGHT_DECAY,
    )
    rate = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _share_of_rate(step, len(batches)))
    network.train()
    started, losses = time.perf_counter(), list[float]()
    for step, batch in enumerate(batches, start=1):
        loss = _lose(network, frozen, tokenizer, batch, teaching)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        rate.step()
        losses.append(loss.item())
        if step % 25 == 0 or step == len(batches):
            tell(f"  step {step} of {len(batches)}, {time.perf_counter() - started:.0f} s: loss {_mean(losses):.3f}")
            losses.clear()
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def divide(examples: Sequence[Example], teaching: Teaching) -> list[list[Example]]:
    """Return batches whose texts are of about the same length, in an order by chance."""
    size, chance = teaching.batch_size, random.Random(teaching.seed)
    batches = []
    for start in range(0, len(examples), POOL * size):
        pool = sorted(examples[start : start + POOL * size], key=lambda each: len(each.one) + len(each.same))
        batches += [pool[place : place + size] for place in range(0, len(pool), size)]
    return chance.sample([each for each in batches if len(each) > 1], sum(len(each) > 1 for each in batches))


def interpolate(frozen: State, taught: State, share: float) -> State:
    """Return weights between the frozen and the taught ones; a share of 1 gives the taught ones.

    Source: Wortsman et al., Robust Fine-Tuning of Zero-Shot Models, CVPR 2022.
    """
    return {
        name: tensor + share * (taught[name] - tensor) if tensor.is_floating_point() else tensor
        for name, tensor in frozen.items()
    }


def read_state(weights: Weights) -> State:
    """Return the weights by name."""
    return dict(load_network(weights).state_dict())


def write_weights(state: State, like: Weights, folder: Path) -> Weights:
    """Write weights into a new folder beside copies of what else an encoder is made of."""
    from safetensors.torch import save_file  # noqa: PLC0415 -- Loads PyTorch.

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(like.folder, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    tensors = {name: tensor.contiguous() for name, tensor in state.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return Weights(folder, f"{like.origin}, tuned")


def _choose_parameters(network: Any, last_layers: int | None) -> None:  # noqa: ANN401 -- A PyTorch module.
    layers = len(network.encoder.layer)
    first = 0 if last_layers is None else layers - last_layers
    taught = tuple(f"encoder.layer.{number}." for number in range(first, layers))
    for name, parameter in network.named_parameters():
        parameter.requires_grad = name.startswith(taught) and not name.startswith(WORDS)


def _share_of_rate(step: int, steps: int) -> float:
    rising = max(1, round(WARM_UP * steps))
    return (step + 1) / rising if step < rising else (steps - step) / max(1, steps - rising)


def _lose(network: Any, frozen: Any, tokenizer: Any, batch: Sequence[Example], teaching: Teaching) -> Any:  # noqa: ANN401 -- PyTorch's.
    import torch  # noqa: PLC0415 -- Heavy.

    with_other = [each for each in batch if each.other]
    texts = [*(each.one for each in batch), *(each.same for each in batch), *(each.other for each in with_other)]
    tokens = [tokenizer.encode(clean(each, most_tokens=teaching.max_tokens)).ids for each in texts]
    vectors = _embed(network, tokens)
    n = len(batch)
    ones, rest = vectors[:n], vectors[n:]
    bugs = [each.bug for each in batch]
    same = torch.tensor([[one == other for other in bugs] for one in bugs]) & ~torch.eye(n, dtype=torch.bool)
    hidden = torch.nn.functional.pad(same, (0, len(rest) - n))
    truth = torch.arange(n)
    there = (teaching.scale * ones @ rest.T).masked_fill(hidden, -1e4)
    back = (teaching.scale * rest[:n] @ ones.T).masked_fill(same, -1e4)
    loss = (torch.nn.functional.cross_entropy(there, truth) + torch.nn.functional.cross_entropy(back, truth)) / 2
    if frozen is not None:
        with torch.no_grad():
            before = _embed(frozen, tokens)
        loss = loss + teaching.towards * (1 - (vectors * before).sum(1)).mean()
    return loss


def _embed(network: Any, tokens: Sequence[Sequence[int]]) -> Any:  # noqa: ANN401 -- PyTorch's.
    """Return vectors of length 1, texts of about the same length together."""
    import torch  # noqa: PLC0415 -- Heavy.

    order = sorted(range(len(tokens)), key=lambda place: len(tokens[place]))
    half = len(order) // 2
    found, places = [], order
    for some in (order[:half], order[half:]):
        ids, mask = (torch.from_numpy(each) for each in pad([tokens[place] for place in some]))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = network(input_ids=ids, attention_mask=mask).last_hidden_state
        shown = mask.unsqueeze(-1).float()
        found.append((states.float() * shown).sum(1) / shown.sum(1))
    back = torch.empty(len(places), dtype=torch.long)
    back[torch.tensor(places)] = torch.arange(len(places))
    return torch.nn.functional.normalize(torch.cat(found), dim=1)[back]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
