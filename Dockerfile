# archsearch in a container. Targets: cpu (the default) and cuda.
#
#   docker build -t archsearch .
#   docker build -t archsearch:cuda --target cuda .
#   docker run --rm --shm-size=1g -v "$PWD:/work" archsearch run lightweight --budget-ms 5
#
# TORCH_INDEX_URL is the package index that torch and torchvision come from; empty takes pip's own,
# whose torch brings CUDA along (several GB). PyTorch's installation page names the one for the CPU.
# EXTRAS are archsearch's, e.g. onnx,dashboard,tensorboard.

ARG PYTHON_IMAGE=python:3.12-slim
ARG CUDA_IMAGE=nvidia/cuda:12.6.3-runtime-ubuntu24.04

# --- the wheel: what users of the image get holds no sources and no build tools
FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY archsearch archsearch
COPY spaces spaces
COPY studies studies
COPY recipes recipes
COPY dashboards dashboards
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

# --- CUDA: the driver comes from the host (docker run --gpus all)
FROM ${CUDA_IMAGE} AS cuda
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv python3-dev gcc g++ \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/archsearch
ENV PATH=/opt/archsearch/bin:$PATH
ARG TORCH_INDEX_URL=""
ARG EXTRAS="onnx"
RUN pip install --no-cache-dir torch torchvision ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"}
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/*.whl)[${EXTRAS}]"
# ubuntu's own user has the id 1000
RUN userdel --remove ubuntu 2>/dev/null || true; useradd --create-home --uid 1000 archsearch \
    && mkdir -p /work /cache && chown archsearch:archsearch /work /cache
ENV ARCHSEARCH_CACHE=/cache PYTHONUNBUFFERED=1
USER archsearch
WORKDIR /work
VOLUME ["/work", "/cache"]
ENTRYPOINT ["archsearch"]
CMD ["--help"]

# --- CPU: last, so that it is built when no target is named
FROM ${PYTHON_IMAGE} AS cpu
# torch.compile (--runtime compiled) builds its kernels with these
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc g++ \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/archsearch
ENV PATH=/opt/archsearch/bin:$PATH
ARG TORCH_INDEX_URL=""
ARG EXTRAS="onnx"
RUN pip install --no-cache-dir torch torchvision ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"}
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/*.whl)[${EXTRAS}]"
RUN useradd --create-home --uid 1000 archsearch \
    && mkdir -p /work /cache && chown archsearch:archsearch /work /cache
ENV ARCHSEARCH_CACHE=/cache PYTHONUNBUFFERED=1
USER archsearch
WORKDIR /work
VOLUME ["/work", "/cache"]
ENTRYPOINT ["archsearch"]
CMD ["--help"]
