# The front door. Everything runs in .venv; nothing is installed outside it.
.DEFAULT_GOAL := help

SHIPPED := chatbot/checkpoints/xiaoxian

PYTHON ?= python3
PIP_ARGS ?=
# For the tests; dev,cluster brings Ray too, without which its test is left out.
EXTRAS ?= dev
CHECKPOINT ?=
# Not `?=`: some shells export HOST as the machine's own name.
HOST =
PORT ?=
CORPUS ?= training/corpus
CONFIG ?=
INIT ?= $(if $(CONFIG),,$(SHIPPED))
OUT ?= runs/dialogue
RESUME ?=
CORPORA ?=
AGAINST ?=
CDIAL ?=
COLD ?=
ROWS ?=
MODELS ?=
ONLY ?=
PAIRS ?=
NOVEL ?=
PROMPT ?=
DATA ?=
FREEZE ?=
FORM ?=
VOCAB ?=
DRY_RUN ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# $(call quoted,TEXT): TEXT as one word of the shell, whatever characters it holds.
quoted = '$(subst ','\'',$(1))'
# $(call option,NAME,VALUE): --NAME 'VALUE', or nothing when VALUE is empty.
option = $(if $(2),--$(1) $(call quoted,$(2)))

.PHONY: help
help: ## 显示这份说明
	@echo '用法：make 目标 [变量=值 …]'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '安装环境时可用：PYTHON=python3.12 指定解释器；PIP_ARGS="…" 传给 pip，例如指定镜像，'
	@echo '或指定 PyTorch 官网安装页给出的 CPU 版索引（没有显卡时能少下载几 GB）。'

.PHONY: serve
serve: .venv/.stamp ## 启动网页和接口：CHECKPOINT= 检查点目录，HOST= 默认 127.0.0.1，PORT= 默认 8000
	@.venv/bin/python -m api $(call option,checkpoint,$(CHECKPOINT)) \
		$(call option,host,$(HOST)) $(call option,port,$(PORT))

.PHONY: chat
chat: .venv/.stamp ## 在终端里聊天：CHECKPOINT= 检查点目录
	@.venv/bin/python -m chatbot chat $(call option,checkpoint,$(CHECKPOINT))

.PHONY: train-dialogue
train-dialogue: .venv/.stamp ## 训练对话模型：CORPUS= 语料，CONFIG= 从零训练的配置，INIT= 起点，VOCAB= 词表，FREEZE= 冻结什么，OUT= 输出目录，RESUME=1 续训，DRY_RUN=1 只估算
	@.venv/bin/python -m training dialogue $(call option,corpus,$(CORPUS)) \
		$(call option,config,$(CONFIG)) $(call option,init,$(INIT)) \
		$(call option,vocab,$(VOCAB)) $(call option,freeze,$(FREEZE)) \
		$(call option,out,$(OUT)) $(if $(filter-out 0 no false,$(RESUME)),--resume) \
		$(if $(filter-out 0 no false,$(DRY_RUN)),--dry-run)

.PHONY: train-novel
train-novel: .venv/.stamp ## 从零训练续写小说的字符 GPT：NOVEL= 小说，OUT= 输出目录，RESUME=1 续训
	@.venv/bin/python -m training novel $(call option,novel,$(NOVEL)) \
		$(if $(filter-out file,$(origin OUT)),$(call option,out,$(OUT))) \
		$(if $(filter-out 0 no false,$(RESUME)),--resume)

.PHONY: write-novel
write-novel: .venv/.stamp ## 接着写小说，边写边显示：PROMPT= 开头，CHECKPOINT= 续写模型的目录
	@.venv/bin/python -m chatbot write $(call option,checkpoint,$(CHECKPOINT)) \
		$(if $(PROMPT),-- $(call quoted,$(PROMPT)))

.PHONY: train-head
train-head: .venv/.stamp ## 给预训练模型换一个头：DATA= 数据，INIT= 起点，FREEZE= 冻结什么，FORM=generation 换生成的头，OUT= 输出目录，RESUME=1 续训
	@$(if $(DATA),,echo '错误：请给出数据，一行一条“标签<制表符>文本”：make train-head DATA=文件' >&2; exit 2)
	@.venv/bin/python -m training head $(call option,data,$(DATA)) \
		$(call option,init,$(INIT)) $(call option,freeze,$(FREEZE)) $(call option,form,$(FORM)) \
		$(if $(filter-out file,$(origin OUT)),$(call option,out,$(OUT))) \
		$(if $(filter-out 0 no false,$(RESUME)),--resume)

.PHONY: train-base
train-base: .venv/.stamp ## 重做自带检查点的全部训练，可中断再续：CORPORA= 公开语料所在目录
	@$(if $(CORPORA),,echo '错误：请指出公开语料所在的文件夹：make train-base CORPORA=文件夹' >&2; exit 2)
	@.venv/bin/python -m training base $(call option,corpora,$(CORPORA))

# OUT has a default that is meant for training: here it counts only when it was given.
.PHONY: report
report: .venv/.stamp ## 给模型出成绩单：CHECKPOINT= 检查点目录，AGAINST= 并排比较的另一个，CORPUS= 语料，CDIAL= 另一个语料文件，COLD= 安全用的标注文件，OUT= 输出目录
	@.venv/bin/python -m training report $(call option,checkpoint,$(CHECKPOINT)) \
		$(call option,against,$(AGAINST)) $(call option,corpus,$(CORPUS)) \
		$(call option,cdial,$(CDIAL)) $(call option,cold,$(COLD)) $(if $(filter-out file,$(origin OUT)),$(call option,out,$(OUT)))

.PHONY: bench
bench: .venv/.stamp-bench ## 和别的引擎比速度：ROWS= 跑哪些行，MODELS= 用哪些模型，ONLY= 只和谁比，PAIRS= 每格几对
	-@.venv/bin/python -m benchmarks.paint
	-@.venv/bin/python -m benchmarks.service
	@.venv/bin/python -m benchmarks $(call option,rows,$(ROWS)) $(call option,models,$(MODELS)) \
		$(call option,only,$(ONLY)) $(call option,pairs,$(PAIRS)) \
		$(if $(filter-out file,$(origin OUT)),$(call option,out,$(OUT)))

.PHONY: bench-train
bench-train: .venv/.stamp-bench ## 和别的写法比训练的速度：我们、GPT2-chitchat 的写法、transformers.Trainer
	@.venv/bin/python -m benchmarks.training

.PHONY: test
test: .venv/.stamp-dev ## 运行全部测试
	@.venv/bin/python -m pytest

# Docker runs it all; the script itself needs nothing but Python.
.PHONY: containers-check
containers-check: ## 构建镜像，把单个和集群两种容器都真跑一遍：聊天、重启、聊着时杀掉副本
	@$(call quoted,$(PYTHON)) deploy/check_containers.py

.PHONY: check
check: .venv/.stamp-dev ## 检查代码：ruff 与 mypy --strict
	@.venv/bin/python -m ruff check .
	@.venv/bin/python -m ruff format --check .
	@.venv/bin/python -m mypy

.PHONY: clean
clean: ## 删除环境和缓存；data/ 里的会话和 runs/ 里的训练结果保留
	@rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. A stamp is newer than the two files it was installed from.

network_error := NewConnectionError|NameResolutionError|Failed to establish|ConnectTimeout|ReadTimeout|ProxyError|Max retries exceeded|ConnectionReset

# $(call install,REQUIREMENT): install it with the pinned versions, then stamp the target.
define install
	@rm -f .venv/pip.log
	@.venv/bin/python -m pip install $(PIP_ARGS) --log .venv/pip.log -c constraints.txt -e $(1) || { \
		if grep -qE '$(network_error)' .venv/pip.log; then \
			echo '错误：连不上软件包的下载站。请检查网络或代理，也可用 PIP_ARGS="…" 指定镜像，然后重新运行。' >&2; \
		else \
			echo '错误：依赖没有装好，原因见上面 pip 的输出（完整记录在 .venv/pip.log）。解决后重新运行即可。' >&2; \
		fi; exit 1; }
	@touch $@
endef

.venv/.stamp: pyproject.toml constraints.txt
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || { \
		python=$(call quoted,$(PYTHON)); \
		version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || { \
			echo "错误：找不到能用的 $$python。请安装 Python 3.11 或更新的版本（Debian/Ubuntu：sudo apt install python3 python3-venv）。" >&2; exit 1; }; \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
			echo "错误：Python $$version 太旧，需要 3.11 或更新的版本。装好新版后用 PYTHON= 指明，例如 PYTHON=python3.12。" >&2; exit 1; }; \
		"$$python" -c 'import venv, ensurepip' 2>/dev/null || { \
			echo "错误：这个 Python 缺少 venv 组件。Debian/Ubuntu 请运行：sudo apt install python$$version-venv" >&2; exit 1; }; \
		echo '正在准备运行环境：第一次要下载依赖，需要几分钟。'; \
		"$$python" -m venv --clear .venv || { \
			echo '错误：建不了 .venv。请检查当前目录是否可写、磁盘是否已满。' >&2; exit 1; }; }
	$(call install,.)

.venv/.stamp-dev: .venv/.stamp
	$(call install,'.[$(EXTRAS)]')

.venv/.stamp-bench: .venv/.stamp
	$(call install,'.[bench]')
