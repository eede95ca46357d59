# The page:          docker build -t ecg-demo .                  docker run --read-only --tmpfs /tmp -p 7860:7860 ecg-demo
# The command line:  docker build -t ecg-edge --target edge .    docker run --read-only --tmpfs /tmp -v "$PWD:/data:ro" ecg-edge predict image.jpg
# The model is inside. Nothing is written but to /tmp, and nobody is root.
FROM python:3.12-slim AS base
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 HOME=/tmp
WORKDIR /app

FROM base AS edge
COPY LICENSE NOTICE README.md pyproject.toml requirements.txt ./
COPY archive archive
COPY edge edge
RUN pip install --constraint requirements.txt ".[pdf,heic,dicom]"
WORKDIR /data
USER 1000
ENTRYPOINT ["ecg-edge"]
CMD ["--help"]

FROM base AS demo
COPY LICENSE NOTICE requirements.txt ./
RUN pip install --constraint requirements.txt gradio matplotlib numpy onnxruntime pillow pillow-heif pydicom pypdfium2
COPY edge edge
COPY demo_views demo_views
COPY examples examples
COPY demo.py ./
USER 1000
EXPOSE 7860
ENTRYPOINT ["python", "demo.py", "--host", "0.0.0.0"]
