"""Reads profile.proto, independently of the code that writes it: github.com/google/pprof/proto/profile.proto.

    p = pprof.parse(data)            # gzip'd or not
    p.sum("inuse_space", "site_07")  # of all samples with that function anywhere in the stack
"""
import gzip


class Malformed(Exception):
    pass


def varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Malformed("a number does not end")
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


def fields(data):
    """(number, value) of each field of a message; value is an int, or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
            if at > len(data):
                raise Malformed("a field is longer than its message")
        else:
            raise Malformed("wire type %d, which profile.proto has none of" % (key & 7))
        yield key >> 3, value


def message(data, scalars, repeated=(), packed=()):
    """A dict: numbers of scalars with their last value (0 when absent), of the others lists."""
    out = {number: 0 for number in scalars}
    out.update({number: [] for number in (*repeated, *packed)})
    for number, value in fields(data):
        if number in packed and isinstance(value, bytes):
            at = 0
            while at < len(value):
                one, at = varint(value, at)
                out[number].append(one)
        elif number in packed or number in repeated:
            out[number].append(value)
        else:
            out[number] = value
    return out


class Line:
    def __init__(self, name, file, line, start_line):
        self.name, self.file, self.line, self.start_line = name, file, line, start_line


class Sample:
    """stack: Lines innermost first, inlined functions included; addresses: of the physical frames."""

    def __init__(self, stack, addresses, values, labels):
        self.stack, self.addresses, self.values, self.labels = stack, addresses, values, labels

    def has(self, name):
        return any(line.name == name for line in self.stack)


class Profile:
    def __init__(self, data):
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        top = message(data, scalars=(7, 8, 9, 10, 11, 12, 14), repeated=(1, 2, 3, 4, 5, 6), packed=(13,))
        strings = [text.decode() for text in top[6]]
        if not strings or strings[0] != "":
            raise Malformed("the first string is not empty")

        def value_type(message_data):
            pair = message(message_data, (1, 2))
            return strings[pair[1]], strings[pair[2]]

        self.types = [value_type(one) for one in top[1]]
        self.period_type = value_type(top[11]) if top[11] else ("", "")
        self.period, self.time_ns, self.duration_ns = signed(top[12]), signed(top[9]), signed(top[10])
        self.comments = [strings[at] for at in top[13]]
        self.default_type = strings[top[14]]
        self.mappings = [message(one, (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)) for one in top[3]]
        for mapping in self.mappings:
            mapping["file"], mapping["build_id"] = strings[mapping[5]], strings[mapping[6]]
        functions = {}
        for one in top[5]:
            f = message(one, (1, 2, 3, 4, 5))
            functions[f[1]] = (strings[f[2]], strings[f[4]], f[5])
        locations = {}
        for one in top[4]:
            location = message(one, (1, 2, 3, 5), repeated=(4,))
            lines = []
            for line_data in location[4]:
                line = message(line_data, (1, 2, 3))
                name, file, start_line = functions[line[1]]
                lines.append(Line(name, file, line[2], start_line))
            locations[location[1]] = (location[3], lines)
        self.samples = [self._sample(one, locations, strings) for one in top[2]]

    def _sample(self, data, locations, strings):
        raw = message(data, (), repeated=(3,), packed=(1, 2))
        labels = {}
        for one in raw[3]:
            label = message(one, (1, 2, 3, 4))
            labels[strings[label[1]]] = strings[label[2]] if label[2] else signed(label[3])
        if len(raw[2]) != len(self.types):
            raise Malformed("a sample with %d values, of %d types" % (len(raw[2]), len(self.types)))
        return Sample([line for at in raw[1] for line in locations[at][1]], [locations[at][0] for at in raw[1]],
                      [signed(value) for value in raw[2]], labels)

    def index(self, type_name):
        return [name for name, _ in self.types].index(type_name)

    def sum(self, type_name, function=None, **labels):
        at = self.index(type_name)
        return sum(sample.values[at] for sample in self.samples
                   if (function is None or sample.has(function)) and
                   all(sample.labels.get(key) == value for key, value in labels.items()))

    def functions(self):
        return {line.name for sample in self.samples for line in sample.stack}


def parse(data):
    return Profile(data)
