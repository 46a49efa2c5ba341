"""A CloudFormation template filled in with parameters, as far as can be known before it is deployed.

Source: AWS CloudFormation template reference, "Intrinsic function reference" and "Pseudo parameters reference".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "packaging/cloudformation"
STARTER, HA = FOLDER / "starter.yaml", FOLDER / "ha.yaml"
TEMPLATES = (STARTER, HA)

PSEUDO = {
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "example-stack",
    "AWS::StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/example-stack/1",
}
# The same in China, whose ARNs and hosts have other names.
CHINA = {
    **PSEUDO,
    "AWS::Region": "cn-northwest-1",
    "AWS::Partition": "aws-cn",
    "AWS::URLSuffix": "amazonaws.com.cn",
    "AWS::StackId": "arn:aws-cn:cloudformation:cn-northwest-1:123456789012:stack/example-stack/1",
}
_NOTHING = object()
# What a reference to a resource becomes is one of its properties.
_NAMED_BY = {"AWS::DynamoDB::Table": "TableName", "AWS::S3::Bucket": "BucketName"}


class _Loader(yaml.SafeLoader):
    pass


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def load(path: Path) -> dict[str, Any]:
    """Return the template with every function in its long form."""
    found: dict[str, Any] = yaml.load(path.read_text(), Loader=_Loader)
    return found


class Filled:
    """A template with its parameters, those that are not given having their defaults.

    `things` says what a reference to a resource becomes, by `Resource` or `Resource.Attribute`; by default, that text.
    """

    def __init__(
        self,
        template: Mapping[str, Any],
        parameters: Mapping[str, str],
        things: Mapping[str, str] | None = None,
        pseudo: Mapping[str, str] | None = None,
    ) -> None:
        self._template = template
        declared = template["Parameters"]
        unknown = set(parameters) - set(declared)
        missing = [each for each, about in declared.items() if "Default" not in about and each not in parameters]
        if unknown or missing:
            raise ValueError(f"parameters {sorted(unknown)} are not in the template, {missing} have no value")
        self.things = dict(things or {})
        self._values = {
            **(pseudo or PSEUDO),
            **{name: str(about["Default"]) for name, about in declared.items() if "Default" in about},
            **parameters,
        }
        self.conditions = {name: self._is_true(about) for name, about in template.get("Conditions", {}).items()}

    @property
    def resources(self) -> dict[str, Any]:
        """The resources that are created, by their logical ids."""
        return {
            name: self.value(about)
            for name, about in self._template["Resources"].items()
            if self.conditions.get(about.get("Condition", ""), True)
        }

    @property
    def outputs(self) -> dict[str, Any]:
        """The outputs, by their names."""
        return {name: self.value(about) for name, about in self._template.get("Outputs", {}).items()}

    def user_data(self, launch_template: str) -> str:
        """Return the script that instances of the launch template run."""
        about = self._template["Resources"][launch_template]["Properties"]["LaunchTemplateData"]["UserData"]
        found: str = self.value(about)
        return found

    def value(self, node: Any) -> Any:
        """Return `node` with its functions replaced by what they give."""
        found = self._value(node)
        return None if found is _NOTHING else found

    def _value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [each for each in map(self._value, node) if each is not _NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            function = _FUNCTIONS.get(name)
            if function is not None:
                return function(self, argument)
            if name.startswith("Fn::"):
                raise ValueError(f"{name} is not read here")
        filled = {name: self._value(each) for name, each in node.items()}
        return {name: each for name, each in filled.items() if each is not _NOTHING}

    def _is_true(self, node: Any) -> bool:
        ((name, argument),) = node.items()
        if name == "Condition":
            return self._is_true(self._template["Conditions"][argument])
        if name == "Fn::Equals":
            first, second = map(self._value, argument)
            return bool(first == second)
        results = [self._is_true(each) for each in argument]
        return {"Fn::Not": not results[0], "Fn::And": all(results), "Fn::Or": any(results)}[name]

    def _find_in_map(self, argument: Any) -> Any:
        name, first, second = map(self._value, argument)
        return self._template["Mappings"][name][first][second]

    def _select(self, argument: Any) -> Any:
        number, items = map(self._value, argument)
        return items[int(number)]

    def _split(self, argument: Any) -> Any:
        separator, whole = map(self._value, argument)
        return whole.split(separator)

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        if name in self._values:
            declared = self._template["Parameters"].get(name, {}).get("Type", "")
            value = self._values[name]
            return value.split(",") if declared.startswith(("List<", "CommaDelimitedList")) else value
        about = self._template["Resources"].get(name, {})
        if name not in self.things and about.get("Type") in _NAMED_BY:
            return self._value(about["Properties"][_NAMED_BY[about["Type"]]])
        return self.things.get(name, name)

    def _get_att(self, argument: list[str]) -> str:
        name = ".".join(argument)
        return self.things.get(name, name)

    def _sub(self, argument: Any) -> str:
        text, own = argument if isinstance(argument, list) else (argument, {})
        filled = {name: self._value(each) for name, each in own.items()}

        def replace(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in filled:
                return str(filled[name])
            return str(self._get_att(name.split(".", 1)) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}]*)\}", replace, text)

    def _if(self, argument: list[Any]) -> Any:
        name, positive, negative = argument
        return self._value(positive if self.conditions[name] else negative)

    def _join(self, argument: list[Any]) -> str:
        return str(argument[0]).join(map(str, self._value(argument[1])))


_FUNCTIONS = {
    "Ref": Filled._ref,
    "Fn::GetAtt": Filled._get_att,
    "Fn::Sub": Filled._sub,
    "Fn::If": Filled._if,
    "Fn::Join": Filled._join,
    "Fn::FindInMap": Filled._find_in_map,
    "Fn::Select": Filled._select,
    "Fn::Split": Filled._split,
    "Fn::Base64": Filled._value,
}


def launch_templates(template: Mapping[str, Any]) -> Iterator[str]:
    """Yield the logical ids of the launch templates."""
    for name, about in template["Resources"].items():
        if about["Type"] == "AWS::EC2::LaunchTemplate":
            yield name
