# syntax=docker/dockerfile:1
# The core on a processor, without PyTorch:
#   docker build --tag unsmear .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/data" unsmear restore my_images -o restored
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
# EXTRAS: of pyproject.toml, such as "[report,formats]".
ARG EXTRAS=""
RUN python -m venv /opt/unsmear \
    && /opt/unsmear/bin/pip install --no-cache-dir ".${EXTRAS}"

FROM python:3.13-slim
COPY --from=build /opt/unsmear /opt/unsmear
ENV PATH=/opt/unsmear/bin:$PATH \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib
RUN useradd --create-home --uid 1000 unsmear && unsmear doctor
USER 1000
WORKDIR /data
ENTRYPOINT ["unsmear"]
CMD ["--help"]
