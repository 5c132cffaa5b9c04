"""SavedModels in TensorFlow's C library, as TensorFlow Serving runs them.

`Client` starts a process that loads the library of the installed TensorFlow by
ctypes. That process imports neither TensorFlow's Python package nor Keras, NumPy
or selfsup, and switches XLA off, as the model server does by default.
Only the standard library is needed here too.
"""

import contextlib
import ctypes
import importlib.util
import pathlib
import pickle
import struct
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

# Numbers of TensorFlow's data types, and the bytes of an element.
_TYPES = {"float32": (1, 4), "int32": (3, 4), "string": (7, 24), "int64": (9, 8)}
_STRING = _TYPES["string"]

_DISABLE_XLA = "_ZN10tensorflow21DisableXlaCompilationEv"


class Array(NamedTuple):
    """A tensor without NumPy.

    Attributes:
        dtype: `"float32"`, `"string"` and the like.
        shape: Tuple of integers.
        data: Bytes in row-major order; for strings a list of bytes.
    """

    dtype: str
    shape: tuple
    data: bytes | list


def strings(*values):
    """Returns the `[B]` array of some byte strings."""
    return Array("string", (len(values),), list(values))


class Failure(Exception):
    """An error of the library.

    Attributes:
        code: Its number; 3 is an invalid argument.
    """

    def __init__(self, code, message):
        super().__init__(code, message)
        self.code = code

    def __str__(self):
        return f"code {self.args[0]}: {self.args[1]}"


class Client:
    """A process that answers as a model server would.

    Args:
        library: Folder of the libraries; None for that of the installed package.
        **settings: TensorFlow's environment variables.
    """

    def __init__(self, library=None, **settings):
        arguments = [] if library is None else [str(library)]
        # What it says if it dies.
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={"TF_CPP_MIN_LOG_LEVEL": "3", **settings},
        )

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()
        self._log.close()

    def _ask(self, *question):
        pickle.dump(question, self._process.stdin)
        self._process.stdin.flush()
        try:
            failed, answer = pickle.load(self._process.stdout)
        except EOFError:
            self._log.seek(0)
            last = self._log.read()[-1000:].decode(errors="replace")
            raise RuntimeError(f"The process has died: {last}") from None
        if failed:
            raise Failure(*answer)
        return answer

    def signatures(self, folder):
        """Loads a model.

        Args:
            folder: The folder of its version.

        Returns:
            A dict from signature to a pair of dicts, of inputs and outputs: from
            name to a pair of the number of the data type and the shape.

        Raises:
            Failure: If the library can't load it.
        """
        return self._ask("signatures", str(folder))

    def run(self, folder, signature, **inputs):
        """Runs a signature.

        Args:
            folder: The folder of the model's version.
            signature: Name of the signature.
            **inputs: `Array` by name.

        Returns:
            A dict of `Array` by name.

        Raises:
            Failure: If the library can't.
        """
        return self.timed(folder, signature, **inputs)[0]

    def timed(self, folder, signature, **inputs):
        """Like `run`, with the seconds that the library took, as a pair."""
        # Plain tuples: this module goes by another name there.
        inputs = {name: tuple(array) for name, array in inputs.items()}
        outputs, seconds = self._ask("run", str(folder), signature, inputs)
        return {name: Array(*output) for name, output in outputs.items()}, seconds

    def memory(self):
        """Returns the megabytes of memory it holds, and held at its peak."""
        return self._ask("memory")

    def modules(self):
        """Returns the names of the modules that the process has imported."""
        return self._ask("modules")


class _Buffer(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("deallocator", ctypes.c_void_p),
    ]

    def content(self):
        return ctypes.string_at(self.data, self.length)


class _Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


_POINTER = ctypes.c_void_p
_OUTPUTS = ctypes.POINTER(_Output)
_POINTERS = ctypes.POINTER(_POINTER)
_BUFFER = ctypes.POINTER(_Buffer)
_TEXT, _INT, _LONG, _SIZE = (
    ctypes.c_char_p,
    ctypes.c_int,
    ctypes.c_int64,
    ctypes.c_size_t,
)

# Functions of tensorflow/c/c_api.h: result, then arguments.
_FUNCTIONS = {
    "TF_AllocateTensor": (_POINTER, _INT, ctypes.POINTER(_LONG), _INT, _SIZE),
    "TF_DeleteBuffer": (None, _BUFFER),
    "TF_DeleteTensor": (None, _POINTER),
    "TF_Dim": (_LONG, _POINTER, _INT),
    "TF_GetCode": (_INT, _POINTER),
    "TF_GraphOperationByName": (_POINTER, _POINTER, _TEXT),
    "TF_LoadSessionFromSavedModel": (
        *(_POINTER, _POINTER, _POINTER, _TEXT, ctypes.POINTER(_TEXT), _INT),
        *(_POINTER, _BUFFER, _POINTER),
    ),
    "TF_Message": (_TEXT, _POINTER),
    "TF_NewBuffer": (_BUFFER,),
    "TF_NewGraph": (_POINTER,),
    "TF_NewSessionOptions": (_POINTER,),
    "TF_NewStatus": (_POINTER,),
    "TF_NumDims": (_INT, _POINTER),
    "TF_SessionRun": (
        *(None, _POINTER, _POINTER, _OUTPUTS, _POINTERS, _INT),
        *(_OUTPUTS, _POINTERS, _INT, _POINTER, _INT, _POINTER, _POINTER),
    ),
    "TF_StringCopy": (None, _POINTER, _TEXT, _SIZE),
    "TF_StringDealloc": (None, _POINTER),
    "TF_StringGetDataPointer": (_POINTER, _POINTER),
    "TF_StringGetSize": (_SIZE, _POINTER),
    "TF_StringInit": (None, _POINTER),
    "TF_TensorByteSize": (_SIZE, _POINTER),
    "TF_TensorData": (_POINTER, _POINTER),
    "TF_TensorElementCount": (_LONG, _POINTER),
    "TF_TensorType": (_INT, _POINTER),
}


class _Library:
    """The library's functions by name, and its tensors."""

    def __init__(self, folder):
        # The first one holds symbols that the second one needs.
        for name in ("framework", "cc"):
            path = pathlib.Path(folder, f"libtensorflow_{name}.so.2")
            library = ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
        library[_DISABLE_XLA]()
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)
        self.status = self.TF_NewStatus()

    def check(self):
        """Raises a Failure if the last call left one in the status."""
        code = self.TF_GetCode(self.status)
        if code:
            raise Failure(code, self.TF_Message(self.status).decode(errors="replace"))

    @contextlib.contextmanager
    def tensor(self, array):
        """Makes a tensor that lives as long as the context."""
        number, size = _TYPES[array.dtype]
        shape = (_LONG * len(array.shape))(*array.shape)
        text = array.dtype == "string"
        length = size * len(array.data) if text else len(array.data)
        tensor = self.TF_AllocateTensor(number, shape, len(shape), length)
        data = self.TF_TensorData(tensor)
        if not text:
            ctypes.memmove(data, array.data, length)
            yield tensor
        else:
            places = [data + size * i for i in range(len(array.data))]
            for place, value in zip(places, array.data, strict=True):
                self.TF_StringInit(place)
                self.TF_StringCopy(place, value, len(value))
            yield tensor
            for place in places:
                self.TF_StringDealloc(place)
        self.TF_DeleteTensor(tensor)

    def array(self, tensor):
        """Copies a tensor and deletes it."""
        number = self.TF_TensorType(tensor)
        shape = [self.TF_Dim(tensor, i) for i in range(self.TF_NumDims(tensor))]
        data = self.TF_TensorData(tensor)
        if number == _STRING[0]:
            places = range(self.TF_TensorElementCount(tensor))
            content = [self._string(data + _STRING[1] * i) for i in places]
        else:
            content = ctypes.string_at(data, self.TF_TensorByteSize(tensor))
        self.TF_DeleteTensor(tensor)
        names = {number: name for name, (number, _) in _TYPES.items()}
        return Array(names[number], tuple(shape), content)

    def _string(self, place):
        pointer = self.TF_StringGetDataPointer(place)
        return ctypes.string_at(pointer, self.TF_StringGetSize(place))


def fields(message):
    """Splits a serialized protocol buffer into its fields.

    Args:
        message: Bytes.

    Returns:
        A dict from the number of a field to the list of its values: integers,
        or bytes.
    """
    found, place = {}, 0

    def integer():
        nonlocal place
        value, shift = 0, 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while place < len(message):
        key = integer()
        kind = key & 7
        if kind == 0:
            value = integer()
        else:
            length = {1: 8, 5: 4}.get(kind) or integer()
            value = message[place : place + length]
            place += length
        found.setdefault(key >> 3, []).append(value)
    return found


class _Tensor(NamedTuple):
    """What a signature says of an input or output."""

    name: str
    dtype: int
    shape: tuple


def _signatures(meta_graph):
    """Reads the signatures of a MetaGraphDef: pairs of inputs and outputs."""
    entries = [fields(entry) for entry in fields(meta_graph).get(5, [])]
    found = {}
    for entry in entries:
        if entry[1][0].startswith(b"__"):
            continue  # How the variables are restored.
        definition = fields(entry[2][0])
        parts = [_tensors(definition.get(number, [])) for number in (1, 2)]
        found[entry[1][0].decode()] = tuple(parts)
    return found


def _tensors(entries):
    found = {}
    for key, value in ((e[1][0], fields(e[2][0])) for e in map(fields, entries)):
        dims = fields(value.get(3, [b""])[0]).get(2, [])
        sizes = [fields(dim).get(1, [0])[0] for dim in dims]
        # Unknown sizes are -1, written as 64 bits without sign.
        shape = struct.unpack(f"<{len(sizes)}q", struct.pack(f"<{len(sizes)}Q", *sizes))
        found[key.decode()] = _Tensor(value[1][0].decode(), value.get(2, [0])[0], shape)
    return found


class _SavedModel:
    """A session on a version of a model."""

    def __init__(self, library, folder):
        self._library = library
        self._graph = library.TF_NewGraph()
        buffer = library.TF_NewBuffer()
        self._session = library.TF_LoadSessionFromSavedModel(
            *(library.TF_NewSessionOptions(), None, folder.encode()),
            *((_TEXT * 1)(b"serve"), 1, self._graph, buffer, library.status),
        )
        library.check()
        self.signatures = _signatures(buffer[0].content())
        library.TF_DeleteBuffer(buffer)

    def run(self, signature, inputs):
        library = self._library
        expected, promised = self.signatures[signature]
        results = (_POINTER * len(promised))()
        with contextlib.ExitStack() as stack:
            tensors = [stack.enter_context(library.tensor(x)) for x in inputs.values()]
            start = time.perf_counter()
            library.TF_SessionRun(
                *(self._session, None),
                *(self._outputs(expected[name] for name in inputs),),
                *((_POINTER * len(tensors))(*tensors), len(tensors)),
                *(self._outputs(promised.values()), results, len(promised)),
                *(None, 0, None, library.status),
            )
            seconds = time.perf_counter() - start
        library.check()
        arrays = map(library.array, results)
        return dict(zip(promised, arrays, strict=True)), seconds

    def _outputs(self, tensors):
        found = []
        for tensor in tensors:
            name, _, index = tensor.name.partition(":")
            operation = self._library.TF_GraphOperationByName(
                self._graph, name.encode()
            )
            found.append(_Output(operation, int(index or 0)))
        return (_Output * len(found))(*found)


class _Server:
    """Answers the questions of a `Client`."""

    def __init__(self, folder):
        self._library = _Library(folder)
        self._models = {}

    def _model(self, folder):
        if folder not in self._models:
            self._models[folder] = _SavedModel(self._library, folder)
        return self._models[folder]

    def signatures(self, folder):
        return {
            name: tuple({k: (t.dtype, t.shape) for k, t in part.items()} for part in s)
            for name, s in self._model(folder).signatures.items()
        }

    def run(self, folder, signature, inputs):
        inputs = {name: Array(*array) for name, array in inputs.items()}
        outputs, seconds = self._model(folder).run(signature, inputs)
        return {name: tuple(array) for name, array in outputs.items()}, seconds

    def modules(self):
        return sorted(sys.modules)

    def memory(self):
        status = pathlib.Path("/proc/self/status").read_text().splitlines()
        figures = dict(line.split(":", 1) for line in status)
        return tuple(int(figures[k].split()[0]) / 1024 for k in ("VmRSS", "VmHWM"))


def _serve(folder):
    server = _Server(folder)
    while True:
        try:
            name, *arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = False, getattr(server, name)(*arguments)
        except Failure as failure:
            answer = True, failure.args
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    # Finding the package does not import it.
    package = importlib.util.find_spec("tensorflow").submodule_search_locations[0]
    _serve(sys.argv[1] if len(sys.argv) > 1 else package)
