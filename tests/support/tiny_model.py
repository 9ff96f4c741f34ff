#!/usr/bin/env python3
"""Writes a model of a few megabytes that a real llama.cpp server loads in a moment.

    tiny_model.py FILE

It is no neural network that learnt anything, but a table: "after this token comes that one". Every token is one axis
of the model's space (its embedding is a unit vector), the layers add nothing, and so the output matrix, read by rows
and columns, *is* that table. From it follow the properties that the tests want:

* An answer is always the same sentence and ends by itself; with the end forbidden (`ignore_eos`) it goes round and
  round for as long as `max_tokens` allows.
* The template, not the network, decides between words and a tool call: with tools on offer and no result yet, it asks
  for the answer with another token, whose successor opens a tool call. The server's grammar then forces the arguments.
* The embedding of a text is the mean of its tokens' axes: equal texts are equal, others are not.
"""

import argparse
import pathlib
import sys

import gguf
import numpy as np

# No word twice, since a word has one successor.
SENTENCE = "when one model cannot go on , another steps in and the caller never sees a gap .".split()
# What is written where a tool call wants a text: the table says `"` -> this -> `"`.
ARGUMENT = "Lisbon"

# How strongly a table entry is wanted; the server samples with a temperature of 0.8, so this leaves chance no room.
CERTAIN = 40.0
# What is wanted where the table says nothing, strongest first: inside a grammar this closes whatever is open.
CLOSING = {'"': 16.0, "}": 24.0, "]": 20.0, "<": 12.0, "7": 8.0}
# Bytes that would not be text, and the tokens that only a template may write.
FORBIDDEN = -40.0

TEMPLATE = """\
{%- if tools -%}
<|says|>system
You may call a function. These exist:
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
To call one, write <call>{"name": NAME, "arguments": OBJECT}</call>.<|over|>
{%- endif -%}
{%- for message in messages -%}
<|says|>{{ message.role }}
{{ message.content or "" }}
{%- for call in message.tool_calls or [] -%}
<call>{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}</call>
{%- endfor -%}
<|over|>
{%- endfor -%}
{%- if add_generation_prompt -%}
<|says|>assistant
{%- if tools and messages[-1].role != "tool" %}<|asks|>{% else %}<|tells|>{% endif -%}
{%- endif -%}
"""


class Vocabulary:
    """Tokens in the order of their numbers, each with its kind."""

    def __init__(self):
        kind = gguf.TokenType
        self.kinds = {"<unk>": kind.UNKNOWN}
        for control in ("<|begin|>", "<|over|>", "<|says|>", "<|tells|>", "<|asks|>"):
            self.kinds[control] = kind.CONTROL
        for marker in ("<call>", "</call>"):
            self.kinds[marker] = kind.USER_DEFINED
        # Everything that is no word of ours is spelled in bytes.
        for byte in range(256):
            self.kinds[f"<0x{byte:02X}>"] = kind.BYTE
        for word in [*SENTENCE, ARGUMENT]:
            self.kinds[self.piece(word)] = kind.NORMAL
        self.number = {token: number for number, token in enumerate(self.kinds)}

    @staticmethod
    def piece(word):
        return word if word in (ARGUMENT, ",", ".") else "\u2581" + word

    @staticmethod
    def byte(character):
        return f"<0x{ord(character):02X}>"


def successors(words):
    """Pairs of tokens: after the first comes the second, and how much less that is wanted than what is certain."""
    spoken = [words.piece(word) for word in SENTENCE]
    yield "<|tells|>", spoken[0], 0
    yield from ((one, next_one, 0) for one, next_one in zip(spoken, spoken[1:]))
    yield spoken[-1], "<|over|>", 0
    yield spoken[-1], spoken[0], 15
    yield "<|asks|>", "<call>", 0
    yield words.byte('"'), ARGUMENT, 10
    yield ARGUMENT, words.byte('"'), 0
    # The grammar may spell the closing marker in bytes.
    yield "</call>", "<|over|>", 0
    yield words.byte(">"), "<|over|>", 0


def table(words):
    """Row: the token that comes; column: the one before it."""
    size = len(words.number)
    logits = np.zeros((size, size), dtype=np.float32)
    for token, kind in words.kinds.items():
        if kind != gguf.TokenType.NORMAL:
            logits[words.number[token], :] = FORBIDDEN
    for character in map(chr, range(32, 127)):
        logits[words.number[words.byte(character)], :] = CLOSING.get(character, 0.0) - 8.0
    for before, after, less in successors(words):
        logits[words.number[after], words.number[before]] = CERTAIN - less
    return logits


def write(path):
    words = Vocabulary()
    size = len(words.number)
    heads, feed_forward = 4, 32
    # The norm before the output needs a width that the heads can share evenly; tokens use the first axes of it.
    width = -(-size // (heads * 32)) * heads * 32

    out = gguf.GGUFWriter(path, "llama")
    out.add_name("table")
    out.add_context_length(8192)
    out.add_embedding_length(width)
    out.add_block_count(1)
    out.add_feed_forward_length(feed_forward)
    out.add_head_count(heads)
    out.add_head_count_kv(heads)
    out.add_layer_norm_rms_eps(1e-6)
    out.add_rope_dimension_count(width // heads)
    out.add_vocab_size(size)
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_tokenizer_model("llama")
    out.add_token_list(list(words.kinds))
    out.add_token_scores([-float(number) for number in range(size)])
    out.add_token_types([int(kind) for kind in words.kinds.values()])
    out.add_bos_token_id(words.number["<|begin|>"])
    out.add_eos_token_id(words.number["<|over|>"])
    out.add_unk_token_id(words.number["<unk>"])
    out.add_add_bos_token(True)
    out.add_add_space_prefix(False)
    out.add_chat_template(TEMPLATE)

    def zeros(rows, columns):
        return np.zeros((rows, columns), dtype=np.float32)

    # A unit vector of this width has a root mean square of 1 / sqrt(width): the norm makes it sqrt(width) long.
    matrix = zeros(size, width)
    matrix[:, :size] = table(words) / np.sqrt(width)
    out.add_tensor("token_embd.weight", np.eye(size, width, dtype=np.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        out.add_tensor(f"blk.0.{name}.weight", zeros(width, width))
    for name, shape in (("gate", (feed_forward, width)), ("up", (feed_forward, width)), ("down", (width, feed_forward))):
        out.add_tensor(f"blk.0.ffn_{name}.weight", zeros(*shape))
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        out.add_tensor(f"{name}.weight", np.ones(width, dtype=np.float32))
    out.add_tensor("output.weight", matrix)

    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def main():
    asking = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asking.add_argument("file", type=pathlib.Path)
    write(asking.parse_args().file)


if __name__ == "__main__":
    sys.exit(main())
