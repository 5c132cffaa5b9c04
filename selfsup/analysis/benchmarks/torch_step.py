"""Speed of the same training step in PyTorch, compiled, to compare with ours."""

import time

import torch
from torch.nn import functional as F

from selfsup.analysis.benchmarks import process, synthetic
from selfsup.analysis.benchmarks.step import LOSS_WEIGHTS, product_size
from selfsup.analysis.benchmarks.torch_networks import Colorizer

# The smallest normal number: no logarithm of zero.
_TINY = 1.1754944e-38


def loss(model, batch, precision="float32"):
    """Returns the loss of a batch: divergences of hue, five times, and chroma.

    Args:
        model: A `Colorizer`.
        batch: A `synthetic.Batch` of tensors, gray `[B, 1, H, W]`.
        precision: `"float32"`, or `"mixed_bfloat16"` for autocast.

    Returns:
        A scalar.
    """
    mixed = precision == "mixed_bfloat16"
    device = batch.gray.device.type
    with torch.autocast(device, torch.bfloat16, enabled=mixed):
        logits = model(batch.gray, batch.points)
    return sum(
        weight * _divergence(batch.targets[name], logits[name], batch.weights[name])
        for name, weight in LOSS_WEIGHTS.items()
    )


def _divergence(target, logits, weight):
    entropy = target * target.clamp(min=_TINY).log()
    divergence = entropy - target * F.log_softmax(logits.float(), -1)
    return (weight * divergence.sum(-1)).mean()


def on_device(batch, device):
    """Returns a `synthetic.Batch` as tensors, the image with channels last."""
    moved = synthetic.Batch(
        *(torch.from_numpy(array).to(device) for array in batch[:2]),
        *(
            {name: torch.from_numpy(array).to(device) for name, array in part.items()}
            for part in batch[2:]
        ),
    )
    gray = moved.gray.permute(0, 3, 1, 2)
    return moved._replace(gray=gray.contiguous(memory_format=torch.channels_last))


def caffe_sgd(model):
    """Returns the optimizer: kernels decay, biases move at twice the rate."""
    kernels, biases = (
        [value for value in model.parameters() if (value.ndim > 1) == kernel]
        for kernel in (True, False)
    )
    groups = [
        {"params": kernels, "weight_decay": 5e-4},
        {"params": biases, "lr": 2e-3, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=1e-3, momentum=0.9, fused=True)


def measure(config, rounds):
    """Times the step.

    Args:
        config: A `StepConfig`.
        rounds: An iterable of one item a round.

    Returns:
        A dict of figures, named as those of `step.measure`.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(0)
    held = process.trimmed_megabytes()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.benchmark = True
    # As XLA computes float32 unless it is told otherwise.
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    model = Colorizer(
        config.network, config.hypercolumn, config.width, config.hidden, config.dropout
    )
    model = model.to(device, memory_format=torch.channels_last)
    batch = on_device(
        synthetic.batch(config.batch_size, config.crop_size, config.points), device
    )
    optimizer = caffe_sgd(model)
    compute = torch.compile(loss) if config.compile else loss

    def step():
        value = compute(model, batch, config.precision)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value.detach()

    start = time.perf_counter()
    first = step().item()
    first_seconds = time.perf_counter() - start
    step().item()
    process.reset_peak()
    seconds = process.seconds_a_step(step, torch.Tensor.item, config.steps, rounds)
    if device == "cuda":
        peak = torch.cuda.max_memory_allocated() / 1024**2
    else:
        peak = process.peak_megabytes() - held
    figures = {
        "framework": f"torch {torch.__version__}",
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "parameters": sum(value.numel() for value in model.parameters()),
        "compile_seconds": first_seconds,
        "seconds": seconds,
        "losses": [first, step().item()],
        "peak_megabytes": peak,
    }
    if config.profile:
        figures["kernels"] = _kernels(step, device)
    size = product_size(config, device == "cpu")
    return {**figures, "product_flops": _product_flops(*size, device)}


def _product_flops(size, dtype, device):
    """Returns operations a second of a product of random square matrices."""
    one, other = (
        torch.randn(size, size, device=device, dtype=getattr(torch, dtype))
        for _ in range(2)
    )
    return process.product_flops(
        size, lambda: one @ other, lambda product: product[0, 0].item()
    )


def _kernels(step, device, count=12):
    """Returns the operations that took longest, with their milliseconds a step."""
    from torch.profiler import ProfilerActivity, profile

    cuda = device == "cuda"
    with profile(
        activities=[ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU]
    ) as found:
        step().item()
    spent = {
        event.key: (event.self_device_time_total if cuda else event.self_cpu_time_total)
        for event in found.key_averages()
    }
    longest = sorted(spent, key=spent.get, reverse=True)[:count]
    return {name[:100]: spent[name] / 1000 for name in longest}
