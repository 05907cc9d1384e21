"""Stages that only hand a map on, as one ``nn.Sequential``."""

import ast

from archsearch.export.walk import walk

_LOOP = "for stage in self.stages:\n    x = stage(x)"


def chain_stages(network: ast.stmt) -> None:
    """Let ``self.stages`` be an ``nn.Sequential`` where its only use is to be run in order.

    The names in the state dict stay as they are.
    """
    uses = [node for node in walk(network) if _reads_stages(node)]
    loops = [node for node in walk(network) if isinstance(node, ast.For)]
    loops = [node for node in loops if ast.unparse(node) == _LOOP]
    if len(uses) != 1 or len(loops) != 1:
        return
    for node in walk(network):
        if isinstance(node, ast.FunctionDef) and loops[0] in node.body:
            call = ast.parse("x = self.stages(x)").body[0]
            node.body[node.body.index(loops[0])] = call
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "self.stages":
            made = node.value
            assert isinstance(made, ast.Call)
            stages = made.args[0]
            chained = ast.Attribute(ast.Name("nn", ast.Load()), "Sequential", ast.Load())
            items: list[ast.expr] = [ast.Starred(stages)]
            if isinstance(stages, ast.List):
                items = stages.elts
            node.value = ast.Call(chained, items, [])


def _reads_stages(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and ast.unparse(node) == "self.stages"
    )
