# Every command sets up what it needs. Without make (Windows): python book/_tools/tasks.py COMMAND
PYTHON ?= python3
TASKS = $(PYTHON) book/_tools/tasks.py

.PHONY: help book test test-fast test-newest test-oldest coverage spark lab pdf epub bundle gift exam links notebooks student instructor export \
        grade class benchmark robust measure report lock clean
help:        ## list the commands
	@echo "make book        build the book into _build/html (sets up the environment the first time)"
	@echo "make test        everything: ruff, library, notebooks (nbval, strict), build, pages in a browser"
	@echo "make test-fast   ruff and the library's tests, a minute and a half"
	@echo "make coverage    which lines of the library no test reaches"
	@echo "make spark       the decayed sum and a killed stream on Spark, in an environment of its own (needs the network)"
	@echo "make lab         open the notebooks in JupyterLab"
	@echo "make pdf         print the whole book into _build/pdf, solutions at its end (needs Chromium)"
	@echo "make epub        the whole book for e-readers, formulas as MathML, in _build (needs Chromium)"
	@echo "make bundle      the whole book as one zip that opens from a folder, without a network"
	@echo "make links       follow every link to another host (needs the network)"
	@echo "make notebooks   execute the changed notebooks from a clean kernel and store them normalised"
	@echo "make student     the edition without solutions: pages, notebooks, library, in _build/student"
	@echo "make instructor  the edition with solutions and answer key, in _build/instructor"
	@echo "make export CHAPTER=decay_formula   one chapter as a zip for a learning platform"
	@echo "make grade FOLDER=submitted   points for the notebooks of a class, judged where no submission reaches"
	@echo "make class FOLDER=saved       which mistakes a class made, from files saved on the page of progress"
	@echo "make gift        the quick questions for Moodle (GIFT), in _build/gift"
	@echo "make exam SEED=3  two examination papers with different numbers and their key, in _build/exam"
	@echo "                 where wanted: WEEKS=1-4 or CHAPTERS=decay_formula,lstm_by_hand MINUTES=60"
	@echo "make benchmark   measure the library, train and score every model (half an hour; goes on where it stopped)"
	@echo "make robust      repeat what trains with other seeds, rounding and instruction sets (an hour; resumable)"
	@echo "make test-newest the tests and notebooks with the newest versions that fit together (needs the network)"
	@echo "make test-oldest the library's tests with the lowest versions that it promises (needs the network)"
	@echo "make report EVENTS=log.csv   a report on your own log: one page and its tables"
	@echo "                 where wanted: USER= TIME= ITEM= TYPE= VALUE= (columns) ONLY= CUT= UNTIL= OUT="
	@echo "make measure     weigh the built pages, time them on an emulated phone, store both"
	@echo "make lock        compile requirements.in into requirements.txt (needs the network)"
	@echo "make clean       remove everything generated, the environment included"
	@echo "Another Python:  make book PYTHON=python3.12"
book test test-fast test-newest test-oldest coverage spark lab pdf epub bundle gift links notebooks student instructor benchmark measure lock clean:
	@$(TASKS) $@
robust export:
	@$(TASKS) $@ $(CHAPTER)
grade class:
	@$(TASKS) $@ '$(FOLDER)'
# USER and others are set in every shell: only what stands in the command itself counts
said = $(if $(filter command,$(firstword $(origin $(1)))),'--$(2)=$($(1))')
exam:
	@$(TASKS) $@ $(call said,SEED,seed) $(call said,WEEKS,weeks) $(call said,CHAPTERS,chapters) \
	  $(call said,MINUTES,minutes)
report:
	@$(TASKS) $@ '$(EVENTS)' $(call said,USER,user) $(call said,TIME,time) $(call said,ITEM,item) \
	  $(call said,TYPE,type) $(call said,VALUE,value) $(call said,ONLY,only) $(call said,CUT,cut) \
	  $(call said,UNTIL,until) $(call said,OUT,out) $(call said,TIME_FORMAT,time-format) \
	  $(call said,TIME_UNIT,time-unit) $(call said,TIMEZONE,timezone) $(call said,ENCODING,encoding)
