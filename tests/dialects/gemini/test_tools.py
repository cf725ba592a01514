from __future__ import annotations

import pytest

from headgate.base.failure import RelayError
from headgate.dialects.gemini.models import family_of
from headgate.dialects.gemini.tools import (
    decode_tool_config,
    decode_tools,
    encode_tool_config,
    encode_tools,
)
from headgate.ir.loss import Losses
from headgate.ir.request import CacheMark, CustomTool, Json, NativeTool, Tool, ToolChoice

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}
NEW, OLD = family_of("gemini-2.5-pro"), family_of("gemini-1.5-pro")
SEARCH = NativeTool(dialect="gemini", block={"googleSearch": {}})


def declared(schema: Json | None, family: object = NEW) -> tuple[Json, list[str]]:
    """Write a function with this schema; give its declaration and what was lost."""
    losses = Losses("gemini")
    used = NEW if family is NEW else OLD
    tools = encode_tools((Tool(name="f", schema=schema),), None, used, losses)
    return tools[0]["functionDeclarations"][0], [loss.field for loss in losses]


def test_functions_share_an_entry_and_native_tools_have_their_own() -> None:
    tools = (Tool(name="f", description="d", schema=SCHEMA), SEARCH, Tool(name="g"))
    assert encode_tools(tools, None, NEW, Losses("gemini")) == [
        {
            "functionDeclarations": [
                {"name": "f", "description": "d", "parameters": SCHEMA},
                {"name": "g"},
            ]
        },
        {"googleSearch": {}},
    ]


def test_a_schema_is_cleaned_into_parameters() -> None:
    strict = SCHEMA | {"additionalProperties": False, "$schema": "s"}
    assert declared(strict) == ({"name": "f", "parameters": SCHEMA}, [])


def test_a_schema_that_cleaning_would_weaken_goes_as_json_schema() -> None:
    schema = {"type": "object", "properties": {"q": {"type": "integer", "enum": [1, 2]}}}
    assert declared(schema) == ({"name": "f", "parametersJsonSchema": schema}, [])


def test_a_root_of_alternatives_goes_as_json_schema() -> None:
    schema = {"anyOf": [SCHEMA, SCHEMA]}
    assert declared(schema) == ({"name": "f", "parametersJsonSchema": schema}, [])


def test_an_old_model_gets_the_weaker_schema_and_the_loss_is_named() -> None:
    schema = {"type": "object", "properties": {"q": {"type": "integer", "enum": [1, 2]}}}
    weaker = {"type": "object", "properties": {"q": {"type": "integer"}}}
    lost = ["tools[0].function.parameters"]
    assert declared(schema, OLD) == ({"name": "f", "parameters": weaker}, lost)


@pytest.mark.parametrize(
    "schema", [None, {}, {"type": "object"}, {"type": "object", "properties": {}}]
)
def test_a_function_without_parameters_has_none(schema: Json | None) -> None:
    assert declared(schema) == ({"name": "f"}, [])


def test_foreign_tools_and_marks_are_losses() -> None:
    tools = (
        NativeTool(dialect="anthropic", block={}),
        CustomTool(name="c"),
        Tool(name="f", strict=True, cache=CacheMark()),
    )
    losses = Losses("gemini")
    assert encode_tools(tools, None, NEW, losses) == [{"functionDeclarations": [{"name": "f"}]}]
    assert [loss.field for loss in losses] == [
        "tools[0]",
        "tools[1]",
        "tools[2].function.strict",
        "tools[2].cache_control",
    ]


def test_tools_are_read_in_all_their_forms() -> None:
    tools, leftovers = decode_tools(
        [
            {"function_declarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]},
            {"functionDeclarations": {"name": "g", "parametersJsonSchema": SCHEMA}},
            {"google_search": {}, "codeExecution": None, "urlContext": {}},
            {"functionDeclarations": [{"name": "h", "behavior": "NON_BLOCKING"}]},
        ],
        "tools",
    )
    assert tools == (
        Tool(name="f", schema={"type": "object"}),
        Tool(name="g", schema=SCHEMA),
        SEARCH,
        NativeTool(dialect="gemini", block={"urlContext": {}}),
        Tool(name="h"),
    )
    assert leftovers == {"h": {"behavior": "NON_BLOCKING"}}


@pytest.mark.parametrize(
    ("tools", "place"),
    [
        ([1], "tools[0]"),
        ([{"functionDeclarations": [{}]}], "tools[0].functionDeclarations[0].name"),
        (
            [{"functionDeclarations": [{"name": "f", "parameters": 1}]}],
            "tools[0].functionDeclarations[0].parameters",
        ),
    ],
)
def test_a_broken_tool_is_refused_with_its_place(tools: object, place: str) -> None:
    with pytest.raises(RelayError) as caught:
        decode_tools(tools, "tools")
    assert caught.value.failure.param == place


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (ToolChoice(mode="auto"), {"mode": "AUTO"}),
        (ToolChoice(mode="none"), {"mode": "NONE"}),
        (ToolChoice(mode="required"), {"mode": "ANY"}),
        (
            ToolChoice(mode="required", allowed=("f", "g")),
            {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
        ),
        (ToolChoice(mode="tool", name="f"), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    ],
)
def test_a_choice_is_written_and_read_back(choice: ToolChoice, config: Json) -> None:
    wire = encode_tool_config(choice, declares=True)
    assert wire == {"functionCallingConfig": config}
    assert decode_tool_config(wire, "toolConfig") == (choice, {})


def test_without_functions_there_is_nothing_to_choose() -> None:
    assert encode_tool_config(ToolChoice(mode="required"), declares=False) == {}
    assert encode_tool_config(None, declares=True) == {}


def test_a_free_choice_among_some_declares_only_these() -> None:
    choice = ToolChoice(mode="auto", allowed=("g",))
    tools = (Tool(name="f"), Tool(name="g"))
    assert encode_tools(tools, choice, NEW, Losses("gemini")) == [
        {"functionDeclarations": [{"name": "g"}]}
    ]


def test_a_mode_of_geminis_own_is_kept() -> None:
    config = {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}
    wire = {"function_calling_config": config, "retrievalConfig": {"languageCode": "de"}}
    choice, leftovers = decode_tool_config(wire, "toolConfig")
    assert choice == ToolChoice(mode="auto", allowed=("f",))
    assert leftovers == {
        "functionCallingConfig": config,
        "retrievalConfig": {"languageCode": "de"},
    }
