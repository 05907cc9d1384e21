"""How the stages are called: as one ``nn.Sequential``, or each so that it can be recomputed."""

import ast

from archsearch.export.source import parse_with_comments
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


_RECOMPUTE = '''
def run_stage(self, stage: nn.Module, *inputs: Any) -> Any:
    """Return what a stage returns; with checkpointing, training computes it again."""
    if self.grad_checkpointing and torch.is_grad_enabled():
        return checkpoint(stage, *inputs, use_reentrant=False)
    return stage(*inputs)
'''


def recompute_stages(network: ast.stmt) -> None:
    """Let every call of a stage pass through a method that may recompute it."""
    assert isinstance(network, ast.ClassDef)
    _Recomputed().visit(network)
    method = parse_with_comments(_RECOMPUTE.strip() + "\n").body[0]
    names = [getattr(each, "name", "") for each in network.body]
    network.body.insert(names.index("forward_features"), method)


class _Recomputed(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if not (isinstance(node.func, ast.Name) and node.func.id == "stage"):
            return node
        run = ast.Attribute(ast.Name("self", ast.Load()), "run_stage", ast.Load())
        return ast.Call(run, [node.func, *node.args], node.keywords)


def _reads_stages(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and ast.unparse(node) == "self.stages"
    )
